mock_provider "kind" {}

run "the_api_is_reached_from_this_machine_alone" {
  command = plan

  assert {
    condition     = kind_cluster.this.kind_config[0].node[0].extra_port_mappings[0].listen_address == "127.0.0.1" && kind_cluster.this.kind_config[0].node[0].extra_port_mappings[0].container_port == 30080
    error_message = "the edge's NodePort must be on the loopback address"
  }
  assert {
    condition     = output.url == "http://127.0.0.1:8080"
    error_message = "the address must be that of the port"
  }
}

run "nodes_are_in_zones" {
  command = plan

  assert {
    condition     = toset([for node in kind_cluster.this.kind_config[0].node : node.labels["topology.kubernetes.io/zone"] if node.role == "worker"]) == toset(["local-1", "local-2", "local-3"])
    error_message = "each worker must be in a zone of its own"
  }
}

run "an_old_kubernetes_and_a_wrong_port_are_refused" {
  command = plan
  variables {
    node_image = "kindest/node:v1.29.4"
    port       = 80
    workers    = 0
  }
  expect_failures = [var.node_image, var.port, var.workers]
}
