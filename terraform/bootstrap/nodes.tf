# Nodes have an account of their own with what the kubelet and its agents need. It is made here, by a person, so that
# the pipeline needs no right to make accounts or to give rights in the project.
resource "google_service_account" "nodes" {
  account_id   = "tillstream-nodes"
  display_name = "Nodes of the cluster"

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "nodes" {
  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.nodes.member
}

# To start nodes that run as it.
resource "google_service_account_iam_member" "nodes" {
  service_account_id = google_service_account.nodes.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.this["provision"].member
}
