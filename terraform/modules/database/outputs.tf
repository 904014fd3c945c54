output "instance" {
  description = "Name of the instance."
  value       = google_sql_database_instance.this.name
}

output "host" {
  description = "Private address of the instance."
  value       = google_sql_database_instance.this.private_ip_address
}

output "database" {
  description = "Name of the database."
  value       = google_sql_database.this.name
}

output "owner" {
  description = "The role that migrates."
  value       = google_sql_user.owner.name
}
