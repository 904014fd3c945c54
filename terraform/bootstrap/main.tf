provider "google" {
  project = var.project
  region  = var.region
}

locals {
  services = [
    "artifactregistry", "certificatemanager", "cloudresourcemanager", "compute", "container", "dns", "iam",
    "iamcredentials", "logging", "monitoring", "secretmanager", "servicenetworking", "sqladmin", "storage", "sts",
  ]
}

resource "google_project_service" "this" {
  for_each = toset(local.services)

  service = "${each.value}.googleapis.com"
  # Others may use them too.
  disable_on_destroy = false
}

resource "google_storage_bucket" "state" {
  # checkov:skip=CKV_GCP_62:who reads and writes it is in the audit log of the project
  name                        = var.state_bucket
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  # A state that was spoilt is brought back from the version before.
  versioning {
    enabled = true
  }

  lifecycle_rule {
    condition {
      num_newer_versions = 50
      with_state         = "ARCHIVED"
    }
    action {
      type = "Delete"
    }
  }

  soft_delete_policy {
    retention_duration_seconds = 2592000
  }

  depends_on = [google_project_service.this]
}
