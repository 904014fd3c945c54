output "location" {
  description = "Region of the repository."
  value       = google_artifact_registry_repository.this.location
}

output "repository_id" {
  description = "Name of the repository."
  value       = google_artifact_registry_repository.this.repository_id
}

output "url" {
  description = "What stands before the name of an image."
  value       = "${google_artifact_registry_repository.this.location}-docker.pkg.dev/${google_artifact_registry_repository.this.project}/${google_artifact_registry_repository.this.repository_id}"
}
