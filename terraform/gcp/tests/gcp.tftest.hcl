mock_provider "google" {
  mock_resource "google_artifact_registry_repository" {
    defaults = { project = "shop-1" }
  }
  mock_resource "google_certificate_manager_dns_authorization" {
    defaults = {
      dns_resource_record = [{ name = "_acme-challenge.api.shop.example.", type = "CNAME", data = "proof.authorize.certificatemanager.goog." }]
    }
  }
  mock_resource "google_sql_database_instance" {
    defaults = { private_ip_address = "10.40.0.3" }
  }
}

variables {
  project        = "shop-1"
  project_number = "123456789012"
  region         = "europe-west3"
  hostname       = "api.shop.example"
  pipeline       = "github-release@shop-1.iam.gserviceaccount.com"
  nodes_account  = "tillstream-nodes@shop-1.iam.gserviceaccount.com"
  owner_password = "0123456789abcdef"

  notification_channels = ["projects/shop-1/notificationChannels/123"]
}

run "the_pipeline_finds_what_it_needs" {
  command = apply

  assert {
    condition     = output.registry == "europe-west3-docker.pkg.dev/shop-1/tillstream" && output.cluster == "tillstream" && output.location == "europe-west3"
    error_message = "registry and cluster must be those that were made"
  }
  assert {
    condition     = output.ssl_policy == "tillstream"
    error_message = "the Gateway needs the policy that refuses old TLS"
  }
  assert {
    condition     = length(output.secret_ids) == 18
    error_message = "every secret must have a place"
  }
}

run "the_chart_gets_what_it_cannot_know" {
  command = apply

  assert {
    condition     = yamldecode(output.helm_values).postgresql.external.host == "10.40.0.3" && !yamldecode(output.helm_values).postgresql.enabled
    error_message = "the chart must use the database that was made, and make none"
  }
  assert {
    condition     = yamldecode(output.helm_values).route.hostnames[0] == "api.shop.example" && yamldecode(output.helm_values).route.gke.securityPolicy == "tillstream"
    error_message = "the chart must have the hostname and the policy"
  }
  assert {
    condition     = yamldecode(output.helm_values).image.registry == output.registry
    error_message = "the cluster must pull from its own registry"
  }
}

run "the_database_is_called_as_everything_else" {
  command = apply

  assert {
    condition     = output.database_instance == "tillstream"
    error_message = "the instance is called as everything else"
  }
}

run "what_was_restored_is_used_by_the_next_release" {
  command = apply
  variables {
    database_instance_name = "tillstream-2"
  }

  assert {
    condition     = output.database_instance == "tillstream-2"
    error_message = "the clone that was imported must be the one that is used"
  }
}

run "the_cluster_reads_secrets_without_a_key" {
  command = apply

  assert {
    condition     = strcontains(module.secrets.readers["external-secrets"], "/shop-1.svc.id.goog/subject/ns/external-secrets/sa/external-secrets")
    error_message = "External Secrets must read by its own identity"
  }
}

run "an_id_is_no_number" {
  command = plan
  variables {
    project_number = "shop-1"
  }
  expect_failures = [var.project_number]
}
