terraform {
  required_version = ">= 1.11.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "= 8.7.0"
    }
  }

  # The bucket is that of terraform/bootstrap: terraform init -backend-config=bucket=…
  backend "gcs" {
    prefix = "tillstream"
  }
}

provider "google" {
  project = var.project
  region  = var.region

  default_labels = {
    app        = "tillstream"
    managed-by = "terraform"
  }
}
