# The pipeline reads these with `terraform output -json`.

output "cluster" {
  description = "Name of the cluster."
  value       = module.cluster.name
}

output "location" {
  description = "Region of the cluster."
  value       = module.cluster.location
}

output "registry" {
  description = "What stands before the name of an image."
  value       = module.registry.url
}

output "hostname" {
  description = "Name under which tills reach the API."
  value       = module.entry.hostname
}

output "ssl_policy" {
  description = "Name of the TLS policy, for the Gateway."
  value       = module.entry.ssl_policy
}

output "dns_records" {
  description = "Records that the domain needs, if no zone was given."
  value       = module.entry.dns_records
}

output "database_instance" {
  description = "Name of the database's instance."
  value       = module.database.instance
}

output "secret_ids" {
  description = "Names in Secret Manager, by the names of the files that `pos secrets init` makes."
  value       = module.secrets.secret_ids
}

# What the chart cannot know. Everything else is in its profiles values-production.yaml and values-gke.yaml.
output "helm_values" {
  description = "Values of the chart for this installation, as YAML."
  value = yamlencode({
    image = { registry = module.registry.url }
    setup = { demo = var.demo_shop }
    route = {
      hostnames = [module.entry.hostname]
      gateway = {
        annotations  = { "networking.gke.io/certmap" = module.entry.certificate_map }
        namedAddress = module.entry.address_name
      }
      gke = { securityPolicy = module.entry.security_policy }
    }
    postgresql = {
      enabled  = false
      database = module.database.database
      owner    = module.database.owner
      external = {
        host  = module.database.host
        cidrs = [var.producer_cidr]
      }
    }
  })
}
