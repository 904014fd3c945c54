output "state_bucket" {
  description = "Bucket with the state. On GitHub: variable STATE_BUCKET."
  value       = google_storage_bucket.state.name
}

output "identity_provider" {
  description = "Provider of identities. On GitHub: variable IDENTITY_PROVIDER."
  value       = google_iam_workload_identity_pool_provider.github.name
}

output "service_accounts" {
  description = "Accounts of the pipeline. On GitHub: variables PROVISION_ACCOUNT and RELEASE_ACCOUNT."
  value       = { for name, account in google_service_account.this : name => account.email }
}

output "nodes_account" {
  description = "Account of the nodes, for terraform/gcp."
  value       = google_service_account.nodes.email
}
