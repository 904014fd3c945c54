# One VPC of our own, with no subnet that we did not ask for.
resource "google_compute_network" "this" {
  name                            = var.name
  auto_create_subnetworks         = false
  routing_mode                    = "REGIONAL"
  delete_default_routes_on_create = false
}

resource "google_compute_subnetwork" "public" {
  name                     = "${var.name}-public"
  network                  = google_compute_network.this.id
  region                   = var.region
  ip_cidr_range            = var.public_cidr
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = var.flow_sampling
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

# Nodes live here. They have no address on the internet: they go out through the NAT, and reach Google's APIs and
# the registry by private access.
resource "google_compute_subnetwork" "private" {
  name                     = "${var.name}-private"
  network                  = google_compute_network.this.id
  region                   = var.region
  ip_cidr_range            = var.private_cidr
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = var.pods_cidr
  }

  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = var.services_cidr
  }

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = var.flow_sampling
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

resource "google_compute_router" "this" {
  name    = var.name
  network = google_compute_network.this.id
  region  = var.region
}

resource "google_compute_router_nat" "this" {
  name                               = var.name
  router                             = google_compute_router.this.name
  region                             = var.region
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"
  # Ports are taken as a node needs them: a fixed share of 64 runs out when many pods talk to one address.
  enable_dynamic_port_allocation      = true
  min_ports_per_vm                    = 64
  max_ports_per_vm                    = 4096
  enable_endpoint_independent_mapping = false

  subnetwork {
    name                    = google_compute_subnetwork.private.id
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

# What no other rule lets in is refused, and the refusal is logged. GKE adds its own rules for nodes and balancers,
# with a lower number, which comes first.
resource "google_compute_firewall" "refuse" {
  name          = "${var.name}-refuse"
  network       = google_compute_network.this.id
  direction     = "INGRESS"
  priority      = 65534
  source_ranges = ["0.0.0.0/0"]

  deny {
    protocol = "all"
  }

  log_config {
    metadata = "EXCLUDE_ALL_METADATA"
  }
}

# Webhooks and metrics of what prepare-cluster installs: the control plane has its address in the private subnet
# (Private Service Connect) and comes to pods through agents among them. GKE's own rules let both in today; of its
# /28 in a peered network they would let in 443 and 10250 alone. So these ports are named.
resource "google_compute_firewall" "control_plane" {
  name          = "${var.name}-control-plane"
  network       = google_compute_network.this.id
  direction     = "INGRESS"
  priority      = 1000
  source_ranges = [var.private_cidr, var.pods_cidr]

  allow {
    protocol = "tcp"
    # KEDA's metrics, webhooks of operators, KEDA's webhooks; External Secrets and the Prometheus operator have 10250.
    ports = ["6443", "8443", "9443", "10250"]
  }
}

# Private service access: Cloud SQL gets addresses of this range, in a network of Google's that is peered with ours.
resource "google_compute_global_address" "producers" {
  name          = "${var.name}-producers"
  network       = google_compute_network.this.id
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  address       = split("/", var.producer_cidr)[0]
  prefix_length = tonumber(split("/", var.producer_cidr)[1])
}

resource "google_service_networking_connection" "producers" {
  network                 = google_compute_network.this.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.producers.name]
  update_on_creation_fail = true
  # Google holds the connection for days after the last instance is gone, and DELETE fails until then. ABANDON leaves
  # the peering, which keeps the network from being deleted. This one removes the peering when the API refuses.
  deletion_policy = "REMOVE_PEERING"
}
