# The pipeline shows a token that GitHub signed for one job, and gets one of Google's for an hour. No key is made.
resource "google_iam_workload_identity_pool" "github" {
  workload_identity_pool_id = "github"
  display_name              = "GitHub Actions"

  depends_on = [google_project_service.this]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  # checkov:skip=CKV_GCP_125:it wants the claim `sub`, whose form depends on the repository's settings; the number of the repository is as strict
  workload_identity_pool_id          = google_iam_workload_identity_pool.github.workload_identity_pool_id
  workload_identity_pool_provider_id = "tillstream"
  display_name                       = "Tillstream"

  attribute_mapping = {
    "google.subject"          = "assertion.sub"
    "attribute.repository_id" = "assertion.repository_id"
    "attribute.ref"           = "assertion.ref"
    "attribute.environment"   = "assertion.environment"
  }

  # Every repository of the world gets its tokens from the same issuer. Only the one, on its one branch, is let in.
  attribute_condition = join(" && ", [
    "assertion.repository == '${var.repository}'",
    "assertion.repository_id == '${var.repository_id}'",
    "assertion.ref == 'refs/heads/${var.branch}'",
  ])

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

# Two accounts, neither of which may touch the rights of the project: what makes the infrastructure cannot deploy, and what deploys cannot make.
resource "google_service_account" "this" {
  for_each = {
    provision = "Terraform in the pipeline"
    release   = "Images and deployment in the pipeline"
  }

  account_id   = "github-${each.key}"
  display_name = each.value

  depends_on = [google_project_service.this]
}

# Each by jobs of its own environment: a job that deploys cannot become the account that makes the infrastructure.
resource "google_service_account_iam_member" "github" {
  for_each = google_service_account.this

  service_account_id = each.value.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.github.name}/attribute.environment/${var.environments[each.key]}"
}

resource "google_project_iam_member" "provision" {
  for_each = toset([
    "roles/artifactregistry.admin",
    "roles/certificatemanager.owner",
    "roles/cloudsql.admin",
    "roles/compute.networkAdmin",
    "roles/compute.securityAdmin",
    "roles/container.clusterAdmin",
    "roles/dns.admin",
    "roles/monitoring.alertPolicyEditor",
    "roles/monitoring.uptimeCheckConfigEditor",
  ])

  project = var.project
  role    = each.value
  member  = google_service_account.this["provision"].member
}

# Secrets without what is in them: the role that Google has for it may read them too.
resource "google_project_iam_custom_role" "secrets" {
  role_id     = "tillstreamSecretPlaces"
  title       = "Makes secrets and says who may read them"
  permissions = [for verb in ["create", "delete", "get", "getIamPolicy", "list", "setIamPolicy", "update"] : "secretmanager.secrets.${verb}"]
}

resource "google_project_iam_member" "secrets" {
  project = var.project
  role    = google_project_iam_custom_role.secrets.name
  member  = google_service_account.this["provision"].member
}

# What is counted in the logs, and none of their lines.
resource "google_project_iam_custom_role" "counts" {
  role_id     = "tillstreamLogMetrics"
  title       = "Makes metrics of logs"
  permissions = [for verb in ["create", "delete", "get", "list", "update"] : "logging.logMetrics.${verb}"]
}

resource "google_project_iam_member" "counts" {
  project = var.project
  role    = google_project_iam_custom_role.counts.name
  member  = google_service_account.this["provision"].member
}

resource "google_storage_bucket_iam_member" "state" {
  bucket = google_storage_bucket.state.name
  role   = "roles/storage.objectAdmin"
  member = google_service_account.this["provision"].member
}

# Pushing is allowed on the one repository, by terraform/gcp. This is for the cluster's API.
resource "google_project_iam_member" "release" {
  project = var.project
  role    = "roles/container.developer"
  member  = google_service_account.this["release"].member
}
