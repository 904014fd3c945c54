variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "hostname" {
  description = "Name under which tills reach the API, for example api.shop.example."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.hostname))
    error_message = "The hostname must be a full domain name in lower case."
  }
}

variable "dns_zone" {
  description = "Managed zone of Cloud DNS in which the records are made. Null if the domain is served elsewhere: the outputs then say which records to make there."
  type        = string
  default     = null
}

variable "requests_per_minute" {
  description = "Requests that one address may make in a minute; more are answered 429. All tills of a shop often share one address."
  type        = number
  default     = 6000

  validation {
    condition     = var.requests_per_minute >= 60
    error_message = "Fewer than one request a second shuts shops out."
  }
}

variable "waf_preview" {
  description = "Whether the rules against attacks only log what they would refuse. Look at the log before you turn this off."
  type        = bool
  default     = true
}

variable "blocked_ranges" {
  description = "Ranges that are refused."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.blocked_ranges) <= 10
    error_message = "A rule takes ten ranges."
  }
}
