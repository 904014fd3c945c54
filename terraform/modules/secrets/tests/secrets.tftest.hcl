mock_provider "google" {}

variables {
  region = "europe-west3"
}

run "every_secret_of_the_system_has_a_place" {
  command = plan

  assert {
    condition     = length(google_secret_manager_secret.this) == 18
    error_message = "seven passwords for NATS, six for PostgreSQL, two keys and their public halves, and the pepper of PINs"
  }
  assert {
    condition     = output.secret_ids["receipts.ed25519"] == "tillstream-receipts-ed25519"
    error_message = "Secret Manager takes no dots"
  }
  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.this : secret.replication[0].user_managed[0].replicas[0].location == "europe-west3"])
    error_message = "secrets must stay in the region"
  }
  assert {
    condition     = length(google_secret_manager_secret_iam_member.readers) == 0
    error_message = "nobody may read unless named"
  }
}

run "a_reader_may_read_each_and_no_more" {
  command = plan
  variables {
    names   = ["nats-edge", "nats-sales"]
    readers = { external-secrets = "serviceAccount:reader@shop-1.iam.gserviceaccount.com" }
  }

  assert {
    condition     = toset([for grant in google_secret_manager_secret_iam_member.readers : grant.role]) == toset(["roles/secretmanager.secretAccessor"])
    error_message = "a reader must only read"
  }
  assert {
    condition     = toset(keys(google_secret_manager_secret_iam_member.readers)) == toset(["nats-edge/external-secrets", "nats-sales/external-secrets"])
    error_message = "the right must be given secret by secret"
  }
}

run "everybody_is_no_reader" {
  command = plan
  variables {
    readers = { all = "allUsers" }
  }
  expect_failures = [var.readers]
}
