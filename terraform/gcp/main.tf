module "network" {
  source = "../modules/network"

  name          = var.name
  region        = var.region
  producer_cidr = var.producer_cidr
}

module "registry" {
  source = "../modules/registry"

  name    = var.name
  region  = var.region
  writers = var.pipeline == null ? {} : { pipeline = "serviceAccount:${var.pipeline}" }
  readers = { nodes = "serviceAccount:${var.nodes_account}" }
}

module "cluster" {
  source = "../modules/cluster"

  project             = var.project
  name                = var.name
  region              = var.region
  network_id          = module.network.network_id
  subnet_id           = module.network.private_subnet_id
  pods_range          = module.network.pods_range
  services_range      = module.network.services_range
  release_channel     = var.release_channel
  private_endpoint    = var.private_endpoint
  authorized_networks = var.authorized_networks
  deletion_protection = var.deletion_protection
  machine_type        = var.machine_type
  nodes               = var.nodes
  service_account     = var.nodes_account
}

module "database" {
  source = "../modules/database"

  name                   = coalesce(var.database_instance_name, var.name)
  region                 = var.region
  network_id             = module.network.producer_network_id
  tier                   = var.database_tier
  high_availability      = var.database_high_availability
  deletion_protection    = var.deletion_protection
  owner_password         = var.owner_password
  owner_password_version = var.owner_password_version
}

module "secrets" {
  source = "../modules/secrets"

  region = var.region
  # External Secrets in the cluster, by the identity of its service account: no key is made for it.
  readers = {
    external-secrets = "principal://iam.googleapis.com/projects/${var.project_number}/locations/global/workloadIdentityPools/${module.cluster.workload_pool}/subject/ns/external-secrets/sa/external-secrets"
  }
}

module "watch" {
  source = "../modules/watch"

  project               = var.project
  name                  = var.name
  hostname              = var.hostname
  database_instance     = module.database.instance
  notification_channels = var.notification_channels
}

module "entry" {
  source = "../modules/entry"

  name                = var.name
  hostname            = var.hostname
  dns_zone            = var.dns_zone
  requests_per_minute = var.requests_per_minute
  waf_preview         = var.waf_preview
}
