variable "name" {
  description = "Prefix of every name: lower-case letters, digits and dashes."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}[a-z0-9]$", var.name))
    error_message = "The name must begin with a letter, have 2 to 32 lower-case letters, digits and dashes, and not end with a dash."
  }
}

variable "region" {
  description = "Region of the subnets and of the NAT."
  type        = string
}

variable "public_cidr" {
  description = "Range of the public subnet, for what needs an address of its own on the internet, such as a bastion."
  type        = string
  default     = "10.10.0.0/24"

  validation {
    condition     = can(cidrhost(var.public_cidr, 0))
    error_message = "The range must be in CIDR notation, for example 10.10.0.0/24."
  }
}

variable "private_cidr" {
  description = "Range of the private subnet, one address for each node."
  type        = string
  default     = "10.10.16.0/20"

  validation {
    condition     = can(cidrhost(var.private_cidr, 0))
    error_message = "The range must be in CIDR notation, for example 10.10.16.0/20."
  }
}

variable "pods_cidr" {
  description = "Secondary range for pods. A node takes 256 addresses of it, so /16 is room for 256 nodes."
  type        = string
  default     = "10.20.0.0/16"

  validation {
    condition     = can(cidrhost(var.pods_cidr, 0)) && tonumber(split("/", var.pods_cidr)[1]) <= 21
    error_message = "The range must be in CIDR notation and at least a /21, which is room for 8 nodes."
  }
}

variable "services_cidr" {
  description = "Secondary range for the cluster addresses of Services."
  type        = string
  default     = "10.30.0.0/20"

  validation {
    condition     = can(cidrhost(var.services_cidr, 0))
    error_message = "The range must be in CIDR notation, for example 10.30.0.0/20."
  }
}

variable "producer_cidr" {
  description = "Range that is lent to Google's managed services, among them Cloud SQL. At least a /24."
  type        = string
  default     = "10.40.0.0/20"

  validation {
    condition     = can(cidrhost(var.producer_cidr, 0)) && tonumber(split("/", var.producer_cidr)[1]) <= 24
    error_message = "The range must be in CIDR notation and at least a /24."
  }
}

variable "flow_sampling" {
  description = "Share of the flows that the subnets log, 0.0 to 1.0."
  type        = number
  default     = 0.1

  validation {
    condition     = var.flow_sampling >= 0 && var.flow_sampling <= 1
    error_message = "The share must be from 0.0 to 1.0."
  }
}
