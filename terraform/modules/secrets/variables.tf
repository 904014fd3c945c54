variable "prefix" {
  description = "What stands before the name of each secret."
  type        = string
  default     = "tillstream"
}

variable "region" {
  description = "Region in which the secrets are kept."
  type        = string
}

variable "names" {
  description = "Names of the files of `pos secrets init`, and of the password of routes between NATS servers, that are kept here. A dot becomes a dash."
  type        = set(string)
  default = [
    "nats-edge", "nats-sales", "nats-stock", "nats-receipts", "nats-identity", "nats-operator", "nats-routes",
    "postgres-owner", "postgres-edge", "postgres-sales", "postgres-stock", "postgres-receipts", "postgres-identity",
    "receipts.ed25519", "tokens.ed25519", "pins.pepper", "receipts.pub", "tokens.pub",
  ]

  validation {
    condition     = length(var.names) > 0 && alltrue([for name in var.names : can(regex("^[a-z0-9.-]+$", name))])
    error_message = "Names have lower-case letters, digits, dots and dashes."
  }
}

variable "readers" {
  description = "Members that may read the secrets, by a name that says who they are: the identity of External Secrets in the cluster, for example."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for member in values(var.readers) : !contains(["allUsers", "allAuthenticatedUsers"], member)])
    error_message = "Secrets are not for everybody."
  }
}
