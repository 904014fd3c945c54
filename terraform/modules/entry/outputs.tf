output "address" {
  description = "Address on the internet."
  value       = google_compute_global_address.this.address
}

output "address_name" {
  description = "Name of the address, for the Gateway."
  value       = google_compute_global_address.this.name
}

output "certificate_map" {
  description = "Name of the certificate map, for the Gateway."
  value       = google_certificate_manager_certificate_map.this.name
}

output "security_policy" {
  description = "Name of the security policy, for the backend of the Gateway."
  value       = google_compute_security_policy.this.name
}

output "ssl_policy" {
  description = "Name of the TLS policy, for the Gateway."
  value       = google_compute_ssl_policy.this.name
}

output "hostname" {
  description = "Name under which tills reach the API."
  value       = var.hostname
}

output "dns_records" {
  description = "Records that the domain needs. They are made if a zone was given."
  value = [
    { name = "${var.hostname}.", type = "A", data = google_compute_global_address.this.address },
    {
      name = google_certificate_manager_dns_authorization.this.dns_resource_record[0].name
      type = google_certificate_manager_dns_authorization.this.dns_resource_record[0].type
      data = google_certificate_manager_dns_authorization.this.dns_resource_record[0].data
    },
  ]
}
