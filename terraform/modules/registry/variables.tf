variable "name" {
  description = "Name of the repository."
  type        = string
}

variable "region" {
  description = "Region of the repository: that of the cluster, so that images need not travel."
  type        = string
}

variable "writers" {
  description = "Members that may push, by a name that says who they are."
  type        = map(string)
  default     = {}
}

variable "readers" {
  description = "Members that may pull, by a name that says who they are."
  type        = map(string)
  default     = {}
}

variable "kept" {
  description = "Versions of each image that are kept whatever their age, so that a rollback finds its image. A release is three: the index, the image, and what is attested of it."
  type        = number
  default     = 60

  validation {
    condition     = var.kept >= 33
    error_message = "Keep at least 33 versions: helm goes back ten revisions, and each release is three versions of an image."
  }
}

variable "deletion_days" {
  description = "Other versions are deleted at this age."
  type        = number
  default     = 90
}
