variable "name" {
  description = "Name of the instance. Google keeps the name of a deleted one for a week."
  type        = string
}

variable "region" {
  description = "Region of the instance, its standby and its backups."
  type        = string
}

variable "network_id" {
  description = "The VPC, once private service access is there."
  type        = string
}

variable "postgres_version" {
  description = "Version of PostgreSQL, 15 or later."
  type        = string
  default     = "POSTGRES_18"

  validation {
    condition     = can(regex("^POSTGRES_(1[5-9]|2[0-9])$", var.postgres_version))
    error_message = "Tillstream needs PostgreSQL 15 or later, for example POSTGRES_18."
  }
}

variable "tier" {
  description = "Machine of the instance. The shared-core ones have no SLA."
  type        = string
  default     = "db-custom-2-7680"
}

variable "high_availability" {
  description = "Whether a standby in another zone takes over. The database is away for about a minute then; sales go on."
  type        = bool
  default     = true
}

variable "disk_gb" {
  description = "Size of the disk in GB to begin with. It grows by itself, up to the limit."
  type        = number
  default     = 50
}

variable "disk_limit_gb" {
  description = "The disk grows no further than this."
  type        = number
  default     = 500
}

variable "max_connections" {
  description = "Connections that PostgreSQL accepts. Each edge and each worker takes 8 by default."
  type        = number
  default     = 400

  validation {
    condition     = var.max_connections >= 100
    error_message = "Fewer than 100 connections do not reach for a scaled-out system."
  }
}

variable "backups" {
  description = "When the daily backup begins (UTC), how many are kept, and for how many days any moment can be restored (1 to 7)."
  type        = object({ start = string, kept = number, log_days = number })
  default     = { start = "02:00", kept = 30, log_days = 7 }

  validation {
    condition     = var.backups.log_days >= 1 && var.backups.log_days <= 7 && var.backups.kept >= var.backups.log_days
    error_message = "Any moment of 1 to 7 days can be restored, and at least as many backups must be kept."
  }
}

variable "maintenance" {
  description = "When Google may patch the instance: day (1 is Monday) and hour (UTC)."
  type        = object({ day = number, hour = number })
  default     = { day = 2, hour = 2 }
}

variable "deletion_protection" {
  description = "Whether a destroy is refused, by Terraform and by Google."
  type        = bool
  default     = true
}

variable "owner_password" {
  description = "Password of the role that migrates. It is sent to Cloud SQL and kept in no plan and no state. Null once it is set."
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
