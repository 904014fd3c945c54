mock_provider "google" {
  mock_resource "google_artifact_registry_repository" {
    defaults = { project = "shop-1" }
  }
}

variables {
  name   = "shop"
  region = "europe-west3"
}

run "images_stay_what_they_are_and_old_ones_go" {
  command = apply

  assert {
    condition     = google_artifact_registry_repository.this.docker_config[0].immutable_tags
    error_message = "a tag must not move"
  }
  assert {
    condition     = toset([for policy in google_artifact_registry_repository.this.cleanup_policies : policy.action]) == toset(["KEEP", "DELETE"])
    error_message = "old images must go, recent ones must stay"
  }
  assert {
    condition     = one([for policy in google_artifact_registry_repository.this.cleanup_policies : policy.most_recent_versions[0].keep_count if policy.action == "KEEP"]) == 60
    error_message = "the last twenty releases must stay"
  }
  assert {
    condition     = output.url == "europe-west3-docker.pkg.dev/shop-1/shop"
    error_message = "the address must be that of the repository"
  }
  assert {
    condition     = length(google_artifact_registry_repository_iam_member.writers) == 0
    error_message = "nobody may push unless named"
  }
}

run "the_pipeline_may_push_and_nodes_may_pull" {
  command = apply
  variables {
    writers = { pipeline = "serviceAccount:release@shop-1.iam.gserviceaccount.com" }
    readers = { nodes = "serviceAccount:nodes@shop-1.iam.gserviceaccount.com" }
  }

  assert {
    condition     = google_artifact_registry_repository_iam_member.readers["nodes"].role == "roles/artifactregistry.reader"
    error_message = "nodes must be able to pull, and no more"
  }

  assert {
    condition     = google_artifact_registry_repository_iam_member.writers["pipeline"].role == "roles/artifactregistry.writer"
    error_message = "the pipeline must be able to push, and no more"
  }
}

run "a_rollback_finds_its_image" {
  command = plan
  variables {
    kept = 30
  }
  expect_failures = [var.kept]
}
