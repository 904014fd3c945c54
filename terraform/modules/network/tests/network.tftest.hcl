mock_provider "google" {}

variables {
  name   = "shop"
  region = "europe-west3"
}

run "nodes_go_out_through_the_nat_and_nobody_else_does" {
  command = plan

  assert {
    condition     = google_compute_router_nat.this.source_subnetwork_ip_ranges_to_nat == "LIST_OF_SUBNETWORKS"
    error_message = "the NAT must name its subnets"
  }
  assert {
    condition     = length(google_compute_router_nat.this.subnetwork) == 1
    error_message = "only the private subnet goes through the NAT"
  }
  assert {
    condition     = google_compute_network.this.auto_create_subnetworks == false
    error_message = "the network must have our subnets and no others"
  }
  assert {
    condition     = google_compute_subnetwork.private.private_ip_google_access
    error_message = "nodes without an address must reach Google's APIs"
  }
}

run "pods_and_services_have_ranges_of_their_own" {
  command = plan

  assert {
    condition     = { for range in google_compute_subnetwork.private.secondary_ip_range : range.range_name => range.ip_cidr_range } == { pods = "10.20.0.0/16", services = "10.30.0.0/20" }
    error_message = "the private subnet must have the ranges `pods` and `services`"
  }
  assert {
    condition     = output.pods_range == "pods" && output.services_range == "services"
    error_message = "the outputs must name the ranges"
  }
}

run "what_is_not_let_in_is_refused" {
  command = plan

  assert {
    condition     = contains(google_compute_firewall.refuse.source_ranges, "0.0.0.0/0") && one(google_compute_firewall.refuse.deny).protocol == "all"
    error_message = "the last rule must refuse everything"
  }
  assert {
    condition     = google_compute_firewall.refuse.priority == 65534
    error_message = "the refusal must come after every other rule"
  }
}

run "the_control_plane_reaches_webhooks_and_metrics" {
  command = plan

  assert {
    condition     = toset(google_compute_firewall.control_plane.source_ranges) == toset(["10.10.16.0/20", "10.20.0.0/16"])
    error_message = "only the cluster's own ranges may be let in"
  }
  assert {
    condition     = toset(one(google_compute_firewall.control_plane.allow).ports) == toset(["6443", "8443", "9443", "10250"]) && google_compute_firewall.control_plane.priority < google_compute_firewall.refuse.priority
    error_message = "KEDA's metrics and the webhooks must be reached"
  }
}

run "a_destroy_is_not_held_up_by_the_peering" {
  command = plan

  assert {
    condition     = google_service_networking_connection.producers.deletion_policy == "REMOVE_PEERING"
    error_message = "the peering must go with the connection"
  }
  assert {
    condition     = google_compute_global_address.producers.prefix_length == 20 && google_compute_global_address.producers.address == "10.40.0.0"
    error_message = "the range that is lent must be the one given"
  }
}

run "a_bad_name_is_refused" {
  command = plan
  variables {
    name = "Shop_1"
  }
  expect_failures = [var.name]
}

run "ranges_that_are_none_or_too_small_are_refused" {
  command = plan
  variables {
    private_cidr  = "10.10.16.0"
    pods_cidr     = "10.20.0.0/24"
    producer_cidr = "10.40.0.0/28"
    flow_sampling = 2
  }
  expect_failures = [var.private_cidr, var.pods_cidr, var.producer_cidr, var.flow_sampling]
}
