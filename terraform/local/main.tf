# A cluster of Kubernetes in containers, for those without a cloud. It needs Docker, and nothing that costs.
resource "kind_cluster" "this" {
  name            = var.name
  node_image      = var.node_image
  wait_for_ready  = true
  kubeconfig_path = abspath("${path.root}/kubeconfig")

  kind_config {
    kind        = "Cluster"
    api_version = "kind.x-k8s.io/v1alpha4"

    node {
      role = "control-plane"

      # The edge's NodePort of values-dev.yaml, on this machine only.
      extra_port_mappings {
        container_port = 30080
        host_port      = var.port
        listen_address = "127.0.0.1"
        protocol       = "TCP"
      }
    }

    # Like zones, so that what is spread over zones in a cloud is spread here too.
    dynamic "node" {
      for_each = range(var.workers)
      content {
        role   = "worker"
        labels = { "topology.kubernetes.io/zone" = "local-${node.value + 1}" }
      }
    }
  }
}
