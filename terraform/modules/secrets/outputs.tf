output "secret_ids" {
  description = "Names in Secret Manager, by the names of the files."
  value       = { for name, secret in google_secret_manager_secret.this : name => secret.secret_id }
}

output "readers" {
  description = "Members that may read the secrets."
  value       = var.readers
}
