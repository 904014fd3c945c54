# Nodes have an account of their own, with what the kubelet and its agents need, and images of one repository.
resource "google_service_account" "nodes" {
  account_id   = "${var.name}-nodes"
  display_name = "Nodes of ${var.name}"
}

resource "google_project_iam_member" "nodes" {
  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.nodes.member
}

resource "google_artifact_registry_repository_iam_member" "nodes" {
  project    = var.project
  location   = var.registry.location
  repository = var.registry.repository_id
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.nodes.member
}
