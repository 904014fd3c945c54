variable "project" {
  description = "Project of the cluster, for the workload identity pool."
  type        = string
}

variable "name" {
  description = "Name of the cluster and prefix of what belongs to it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "The name must begin with a letter, have 2 to 20 lower-case letters, digits and dashes, and not end with a dash: names of service accounts are made of it."
  }
}

variable "region" {
  description = "Region. The control plane and the nodes are in several of its zones."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "Give a region, for example europe-west3, not a zone."
  }
}

variable "zones" {
  description = "Zones of the nodes. Empty lets Google take three."
  type        = list(string)
  default     = []
}

variable "network_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_id" {
  description = "The private subnet."
  type        = string
}

variable "pods_range" {
  description = "Name of the secondary range for pods."
  type        = string
}

variable "services_range" {
  description = "Name of the secondary range for Services."
  type        = string
}

variable "release_channel" {
  description = "How soon the cluster gets new versions of Kubernetes."
  type        = string
  default     = "REGULAR"

  validation {
    condition     = contains(["RAPID", "REGULAR", "STABLE", "EXTENDED"], var.release_channel)
    error_message = "The channel is RAPID, REGULAR, STABLE or EXTENDED."
  }
}

variable "private_endpoint" {
  description = "Whether the control plane has no public IP address at all. The DNS endpoint is not touched by this."
  type        = bool
  default     = true
}

variable "authorized_networks" {
  description = "Ranges that may reach the control plane by IP, by a name that says whose they are."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for range in values(var.authorized_networks) : can(cidrhost(range, 0)) && range != "0.0.0.0/0"])
    error_message = "Give ranges in CIDR notation, and not the whole internet."
  }
}

variable "dns_endpoint" {
  description = "Whether the control plane is reached under its DNS name from outside of the VPC. Google checks the caller's identity and right (container.clusters.connect) before anything gets to the cluster; the pipeline comes in this way."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Whether a destroy of the cluster is refused."
  type        = bool
  default     = true
}

variable "machine_type" {
  description = "Machine of a node."
  type        = string
  default     = "e2-standard-4"
}

variable "nodes" {
  description = "Nodes in all zones together, at least and at most. NATS keeps three replicas in three zones, so three are the least."
  type        = object({ min = number, max = number })
  default     = { min = 3, max = 12 }

  validation {
    condition     = var.nodes.min >= 3 && var.nodes.max >= var.nodes.min
    error_message = "At least three nodes, and no fewer at most than at least."
  }
}

variable "disk_gb" {
  description = "Boot disk of a node in GB, for images and logs."
  type        = number
  default     = 50
}

variable "maintenance" {
  description = "When the cluster may be upgraded: the first window, and how it recurs (RFC 5545). At night, when shops are closed; four hours or more."
  type        = object({ start = string, end = string, recurrence = string })
  default = {
    start      = "2026-01-06T01:00:00Z"
    end        = "2026-01-06T05:00:00Z"
    recurrence = "FREQ=WEEKLY;BYDAY=TU,WE,TH"
  }
}

variable "encryption_key" {
  description = "Key of Cloud KMS that Secrets are encrypted with in etcd. Null leaves Google's own encryption."
  type        = string
  default     = null
}

variable "managed_prometheus" {
  description = "Whether Google collects metrics too. Off: the chart brings its own monitors."
  type        = bool
  default     = false
}

variable "service_account" {
  description = "Account of the nodes, with the role container.defaultNodeServiceAccount and no other."
  type        = string

  validation {
    condition     = !endswith(var.service_account, "-compute@developer.gserviceaccount.com")
    error_message = "The project's default account may do far more than a node needs."
  }
}
