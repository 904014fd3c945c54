output "network_id" {
  description = "The VPC."
  value       = google_compute_network.this.id
}

output "private_subnet_id" {
  description = "The subnet of the nodes."
  value       = google_compute_subnetwork.private.id
}

output "public_subnet_id" {
  description = "The subnet of what has an address on the internet."
  value       = google_compute_subnetwork.public.id
}

output "pods_range" {
  description = "Name of the secondary range for pods."
  value       = google_compute_subnetwork.private.secondary_ip_range[0].range_name
}

output "services_range" {
  description = "Name of the secondary range for Services."
  value       = google_compute_subnetwork.private.secondary_ip_range[1].range_name
}

output "producer_network_id" {
  description = "The VPC, once Google's managed services can be given addresses in it. An instance of Cloud SQL takes this one, so that it is made after the connection and deleted before it."
  value       = google_service_networking_connection.producers.network
}
