variable "name" {
  description = "Name of the cluster."
  type        = string
  default     = "tillstream"
}

variable "node_image" {
  description = "Image of the nodes, which is the version of Kubernetes: 1.33 or later."
  type        = string
  default     = "kindest/node:v1.34.0"

  validation {
    condition     = can(regex(":v1\\.(3[3-9]|[4-9][0-9])\\.", var.node_image))
    error_message = "The chart needs Kubernetes 1.33 or later, for example kindest/node:v1.34.0."
  }
}

variable "workers" {
  description = "Nodes beside the control plane. Three are as many as a cloud has zones."
  type        = number
  default     = 3

  validation {
    condition     = var.workers >= 1 && var.workers <= 9
    error_message = "From one to nine nodes."
  }
}

variable "port" {
  description = "Port of this machine under which the API is reached."
  type        = number
  default     = 8080

  validation {
    condition     = var.port >= 1024 && var.port <= 65535
    error_message = "A port from 1024 to 65535."
  }
}
