mock_provider "google" {}

variables {
  project         = "shop-1"
  name            = "shop"
  region          = "europe-west3"
  network_id      = "projects/shop-1/global/networks/shop"
  subnet_id       = "projects/shop-1/regions/europe-west3/subnetworks/shop-private"
  pods_range      = "pods"
  services_range  = "services"
  service_account = "shop-nodes@shop-1.iam.gserviceaccount.com"
}

run "the_cluster_is_regional_private_and_protected" {
  command = plan

  assert {
    condition     = google_container_cluster.this.location == "europe-west3" && google_container_cluster.this.deletion_protection
    error_message = "the cluster must be regional and protected from deletion"
  }
  assert {
    condition     = google_container_cluster.this.private_cluster_config[0].enable_private_nodes && google_container_cluster.this.private_cluster_config[0].enable_private_endpoint
    error_message = "nodes and control plane must have no public address"
  }
  assert {
    condition     = length(google_container_cluster.this.master_authorized_networks_config) == 1 && length(google_container_cluster.this.master_authorized_networks_config[0].cidr_blocks) == 0
    error_message = "no range may reach the control plane unless it is named"
  }
}

run "what_the_chart_relies_on_is_there" {
  command = plan

  assert {
    condition     = google_container_cluster.this.datapath_provider == "ADVANCED_DATAPATH"
    error_message = "NetworkPolicies need Dataplane V2"
  }
  assert {
    condition     = google_container_cluster.this.gateway_api_config[0].channel == "CHANNEL_STANDARD"
    error_message = "HTTPRoutes need the Gateway API"
  }
  assert {
    condition     = google_container_cluster.this.workload_identity_config[0].workload_pool == "shop-1.svc.id.goog"
    error_message = "External Secrets needs workload identity"
  }
  assert {
    condition     = google_container_cluster.this.ip_allocation_policy[0].cluster_secondary_range_name == "pods"
    error_message = "pods must have the range given"
  }
}

run "nodes_have_little_rights_and_are_shielded" {
  command = plan

  assert {
    condition     = google_container_node_pool.this.node_config[0].service_account == google_container_cluster.this.node_config[0].service_account && google_container_node_pool.this.node_config[0].service_account == "shop-nodes@shop-1.iam.gserviceaccount.com"
    error_message = "nodes must not run as the project's default account"
  }
  assert {
    condition     = google_container_node_pool.this.node_config[0].shielded_instance_config[0].enable_secure_boot && google_container_node_pool.this.node_config[0].workload_metadata_config[0].mode == "GKE_METADATA"
    error_message = "nodes must boot securely and hide their own credentials from pods"
  }
  assert {
    condition     = google_container_node_pool.this.upgrade_settings[0].max_unavailable == 0
    error_message = "an upgrade must not take a node away before another is there"
  }
}

run "named_networks_are_let_in" {
  command = plan
  variables {
    private_endpoint    = false
    authorized_networks = { office = "203.0.113.0/24" }
  }

  assert {
    condition     = one(google_container_cluster.this.master_authorized_networks_config[0].cidr_blocks).cidr_block == "203.0.113.0/24"
    error_message = "the office must be let in"
  }
}

run "secrets_are_encrypted_with_a_given_key" {
  command = plan
  variables {
    encryption_key = "projects/shop-1/locations/europe-west3/keyRings/shop/cryptoKeys/etcd"
  }

  assert {
    condition     = google_container_cluster.this.database_encryption[0].state == "ENCRYPTED"
    error_message = "the key must be used"
  }
}

run "the_whole_internet_a_zone_and_too_few_nodes_are_refused" {
  command = plan
  variables {
    authorized_networks = { all = "0.0.0.0/0" }
    region              = "europe-west3-a"
    nodes               = { min = 1, max = 3 }
    release_channel     = "UNSPECIFIED"
    service_account     = "123456789012-compute@developer.gserviceaccount.com"
  }
  expect_failures = [var.authorized_networks, var.region, var.nodes, var.release_channel, var.service_account]
}
