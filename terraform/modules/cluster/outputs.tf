output "name" {
  description = "Name of the cluster."
  value       = google_container_cluster.this.name
}

output "location" {
  description = "Region of the cluster."
  value       = google_container_cluster.this.location
}

output "workload_pool" {
  description = "Pool of the identities of the cluster's service accounts."
  value       = "${var.project}.svc.id.goog"
}
