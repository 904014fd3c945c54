variable "project" {
  description = "Project of what is watched."
  type        = string
}

variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "hostname" {
  description = "Name under which tills reach the API."
  type        = string
}

variable "database_instance" {
  description = "Name of the database's instance."
  type        = string
}

variable "notification_channels" {
  description = "Who is told: channels of Cloud Monitoring, as projects/PROJECT/notificationChannels/NUMBER."
  type        = list(string)

  validation {
    condition     = length(var.notification_channels) > 0 && alltrue([for channel in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", channel))])
    error_message = "Give at least one channel, as `gcloud beta monitoring channels list` names it: an alert that nobody is told of is none."
  }
}

variable "certificate_days" {
  description = "Days that the certificate must still be good for. Google renews it a month before its end."
  type        = number
  default     = 14
}

variable "backup_hours" {
  description = "Hours after which a backup is old. One is made each day, in a window of four hours."
  type        = number
  default     = 30

  validation {
    condition     = var.backup_hours >= 29
    error_message = "Two daily backups may be 28 hours apart."
  }
}
