variable "project" {
  description = "Project in which everything is made. It exists and has billing."
  type        = string
}

variable "region" {
  description = "Region of the bucket with the state."
  type        = string
}

variable "state_bucket" {
  description = "Name of the bucket, unique in the world."
  type        = string
}

variable "repository" {
  description = "The repository on GitHub, as owner/name."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "Give the repository as owner/name."
  }
}

variable "repository_id" {
  description = "Its number. A name can be given up and taken by somebody else; a number cannot: gh api repos/OWNER/NAME --jq .id"
  type        = string

  validation {
    condition     = can(regex("^[0-9]+$", var.repository_id))
    error_message = "Give the number of the repository."
  }
}

variable "branch" {
  description = "The branch that is released."
  type        = string
  default     = "main"

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]+$", var.branch)) && !startswith(var.branch, "refs/")
    error_message = "Give the branch's short name, for example main."
  }
}

variable "environments" {
  description = "The environment on GitHub that a job must run in to become an account. Who may run there is decided on GitHub."
  type        = object({ provision = string, release = string })
  default     = { provision = "provision", release = "production" }

  validation {
    condition     = var.environments.provision != var.environments.release
    error_message = "In one environment each job could become both accounts."
  }
}

variable "deletion_protection" {
  description = "Whether a destroy leaves a bucket that still holds state."
  type        = bool
  default     = true
}
