output "kubeconfig" {
  description = "File for KUBECONFIG."
  value       = kind_cluster.this.kubeconfig_path
}

output "url" {
  description = "Where the API is, once the chart is installed with values-dev.yaml."
  value       = "http://127.0.0.1:${var.port}"
}
