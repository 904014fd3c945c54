mock_provider "google" {
  mock_resource "google_service_account" {
    defaults = {
      name   = "projects/shop-1/serviceAccounts/github@shop-1.iam.gserviceaccount.com"
      email  = "github@shop-1.iam.gserviceaccount.com"
      member = "serviceAccount:github@shop-1.iam.gserviceaccount.com"
    }
  }
  mock_resource "google_iam_workload_identity_pool" {
    defaults = { name = "projects/123456789012/locations/global/workloadIdentityPools/github" }
  }
}

variables {
  project       = "shop-1"
  region        = "europe-west3"
  state_bucket  = "shop-1-state"
  repository    = "tillstream/tillstream"
  repository_id = "987654321"
}

run "only_the_one_repository_and_branch_are_let_in" {
  command = plan

  assert {
    condition     = google_iam_workload_identity_pool_provider.github.attribute_condition == "assertion.repository == 'tillstream/tillstream' && assertion.repository_id == '987654321' && assertion.ref == 'refs/heads/main'"
    error_message = "the condition must name repository and ref"
  }
}

run "only_jobs_of_its_own_environment_become_an_account" {
  command = apply

  assert {
    condition = { for name, grant in google_service_account_iam_member.github : name => split("/workloadIdentityPools/github/", grant.member)[1] } == {
      provision = "attribute.environment/provision"
      release   = "attribute.environment/production"
    }
    error_message = "a job outside of its environment must not get an account, nor one of the other environment"
  }
}

run "one_environment_for_both_accounts_is_refused" {
  command = plan
  variables {
    environments = { provision = "production", release = "production" }
  }
  expect_failures = [var.environments]
}

run "the_pipeline_can_give_itself_nothing" {
  command = apply

  assert {
    condition     = !anytrue([for role in keys(google_project_iam_member.provision) : startswith(role, "roles/iam.") || startswith(role, "roles/resourcemanager.")])
    error_message = "it must not make accounts or give rights in the project"
  }
  assert {
    condition     = google_service_account_iam_member.nodes.role == "roles/iam.serviceAccountUser" && google_project_iam_member.nodes.role == "roles/container.defaultNodeServiceAccount"
    error_message = "nodes run as an account with the one role, and only the pipeline that provisions may start them"
  }
  assert {
    condition     = !contains(google_project_iam_custom_role.secrets.permissions, "secretmanager.versions.access")
    error_message = "it must not read secrets"
  }
  assert {
    condition     = length(setintersection(keys(google_project_iam_member.provision), ["roles/owner", "roles/editor"])) == 0
    error_message = "it must not be owner or editor"
  }
}

run "the_state_is_private_and_every_version_is_kept" {
  command = plan

  assert {
    condition     = google_storage_bucket.state.versioning[0].enabled && google_storage_bucket.state.public_access_prevention == "enforced"
    error_message = "the state must be private and have versions"
  }
  assert {
    condition     = google_storage_bucket.state.force_destroy == false
    error_message = "a bucket with state must not be destroyed"
  }
}

run "a_url_is_no_repository_and_a_ref_no_branch" {
  command = plan
  variables {
    repository    = "https://github.com/tillstream/tillstream"
    repository_id = "tillstream"
    branch        = "refs/heads/main"
  }
  expect_failures = [var.repository, var.repository_id, var.branch]
}
