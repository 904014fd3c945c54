variable "project" {
  description = "Project in which everything is made."
  type        = string
}

variable "project_number" {
  description = "Number of the project; identities of the cluster's service accounts are made of it."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+$", var.project_number))
    error_message = "Give the number, not the id: gcloud projects describe PROJECT --format='value(projectNumber)'."
  }
}

variable "region" {
  description = "Region of everything."
  type        = string
}

variable "name" {
  description = "Prefix of every name."
  type        = string
  default     = "tillstream"
}

variable "hostname" {
  description = "Name under which tills reach the API, for example api.shop.example."
  type        = string
}

variable "dns_zone" {
  description = "Managed zone of Cloud DNS for the hostname; null if its domain is served elsewhere."
  type        = string
  default     = null
}

variable "nodes_account" {
  description = "Service account of the nodes, as bootstrap printed it."
  type        = string
}

variable "pipeline" {
  description = "Service account of the pipeline that pushes images, as bootstrap printed it; null if nobody but people pushes."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether a destroy of cluster and database is refused."
  type        = bool
  default     = true
}

variable "release_channel" {
  description = "How soon the cluster gets new versions of Kubernetes."
  type        = string
  default     = "REGULAR"
}

variable "private_endpoint" {
  description = "Whether the control plane has no public IP address."
  type        = bool
  default     = true
}

variable "authorized_networks" {
  description = "Ranges that may reach the control plane by IP, by a name that says whose they are."
  type        = map(string)
  default     = {}
}

variable "machine_type" {
  description = "Machine of a node."
  type        = string
  default     = "e2-standard-4"
}

variable "nodes" {
  description = "Nodes in all zones together, at least and at most."
  type        = object({ min = number, max = number })
  default     = { min = 3, max = 12 }
}

variable "database_tier" {
  description = "Machine of the database."
  type        = string
  default     = "db-custom-2-7680"
}

variable "database_high_availability" {
  description = "Whether a standby of the database in another zone takes over."
  type        = bool
  default     = true
}

variable "database_instance_name" {
  description = "Name of the database's instance; null is `name`. Changed once a restored clone has been imported in its place, and never before: docs/operations/terraform.md."
  type        = string
  default     = null
}

variable "producer_cidr" {
  description = "Range that is lent to Google's managed services; the database is in it."
  type        = string
  default     = "10.40.0.0/20"
}

variable "owner_password" {
  description = "Password of the role that migrates; needed when it is set or changed, and kept nowhere."
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true
}

variable "owner_password_version" {
  description = "Counted up to have a new password sent."
  type        = number
  default     = 1
}

variable "requests_per_minute" {
  description = "Requests that one address may make in a minute."
  type        = number
  default     = 6000
}

variable "waf_preview" {
  description = "Whether the rules against attacks only log."
  type        = bool
  default     = true
}

variable "notification_channels" {
  description = "Who is told by Google's own monitoring of an old backup, an expiring certificate, and an API that is not reached: projects/PROJECT/notificationChannels/NUMBER."
  type        = list(string)
}

variable "demo_shop" {
  description = "Whether the chart makes the demo shop. After each deployment the pipeline sells one item there; it is a merchant of its own, beside the real ones."
  type        = bool
  default     = true
}
