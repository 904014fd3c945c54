# Only the places. What is in them is put there by terraform/gcp/put-secrets, so that no plan and no state ever
# holds a password or a key.
resource "google_secret_manager_secret" "this" {
  for_each = var.names

  secret_id = "${var.prefix}-${replace(each.value, ".", "-")}"
  # A version that was destroyed by mistake can be brought back for a week.
  version_destroy_ttl = "604800s"

  labels = {
    app = "tillstream"
  }

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
}

resource "google_secret_manager_secret_iam_member" "readers" {
  for_each = { for pair in setproduct(var.names, keys(var.readers)) : "${pair[0]}/${pair[1]}" => { name = pair[0], member = var.readers[pair[1]] } }

  secret_id = google_secret_manager_secret.this[each.value.name].id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value.member
}
