resource "google_sql_database_instance" "this" {
  # checkov:skip=CKV_GCP_79:a major version of PostgreSQL is raised on purpose, not when a newer one is out
  # checkov:skip=CKV_GCP_6:ENCRYPTED_ONLY is TLS for all; roles prove who they are with SCRAM, not with certificates
  # checkov:skip=CKV_GCP_51:the flag is set; checkov does not look into dynamic blocks, the test of this module does
  # checkov:skip=CKV_GCP_52:the flag is set; checkov does not look into dynamic blocks, the test of this module does
  # checkov:skip=CKV_GCP_53:the flag is set; checkov does not look into dynamic blocks, the test of this module does
  # checkov:skip=CKV_GCP_54:the flag is set; checkov does not look into dynamic blocks, the test of this module does
  # checkov:skip=CKV_GCP_108:the address is logged; its name would take a search in the DNS for each connection
  # checkov:skip=CKV_GCP_109:the flag is set; checkov does not look into dynamic blocks, the test of this module does
  # checkov:skip=CKV_GCP_110:pgaudit is nothing without its extension; log_statement has what changes tables
  # checkov:skip=CKV_GCP_111:the flag is set; checkov does not look into dynamic blocks, the test of this module does
  # checkov:skip=CKV2_GCP_13:the duration of slow statements is logged, that of each would drown them
  name                = var.name
  region              = var.region
  database_version    = var.postgres_version
  deletion_protection = var.deletion_protection

  settings {
    edition                     = "ENTERPRISE"
    tier                        = var.tier
    availability_type           = var.high_availability ? "REGIONAL" : "ZONAL"
    deletion_protection_enabled = var.deletion_protection
    disk_type                   = "PD_SSD"
    disk_size                   = var.disk_gb
    disk_autoresize             = true
    disk_autoresize_limit       = var.disk_limit_gb
    # Backups outlive the instance that they were made of.
    retain_backups_on_delete = var.deletion_protection

    ip_configuration {
      ipv4_enabled                                  = false
      private_network                               = var.network_id
      ssl_mode                                      = "ENCRYPTED_ONLY"
      enable_private_path_for_google_cloud_services = false
    }

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      start_time                     = var.backups.start
      location                       = var.region
      transaction_log_retention_days = var.backups.log_days

      backup_retention_settings {
        retained_backups = var.backups.kept
        retention_unit   = "COUNT"
      }
    }

    maintenance_window {
      day          = var.maintenance.day
      hour         = var.maintenance.hour
      update_track = "stable"
    }

    insights_config {
      query_insights_enabled  = true
      query_string_length     = 1024
      record_application_tags = true
      record_client_address   = false
    }

    dynamic "database_flags" {
      for_each = local.flags
      content {
        name  = database_flags.key
        value = database_flags.value
      }
    }
  }

  lifecycle {
    # It grows by itself; a later apply must not ask for the first size again.
    ignore_changes = [settings[0].disk_size]
  }
}

locals {
  flags = {
    max_connections = tostring(var.max_connections)
    # A transaction that a dead client left open would keep its rows locked and old versions alive.
    idle_in_transaction_session_timeout = "60000"
    # What an operator asks for first when something is slow or odd.
    log_checkpoints            = "on"
    log_connections            = "on"
    log_disconnections         = "on"
    log_lock_waits             = "on"
    log_temp_files             = "0"
    log_min_duration_statement = "1000"
    log_statement              = "ddl"
    log_min_messages           = "warning"
    log_min_error_statement    = "error"
    track_io_timing            = "on"
  }
}

resource "google_sql_database" "this" {
  name     = "tillstream"
  instance = google_sql_database_instance.this.name
  # Dropping a database fails while somebody is connected; with its instance it goes anyway.
  deletion_policy = "ABANDON"
}

# The role that migrates. The migrations make the others.
resource "google_sql_user" "owner" {
  name                = "tillstream_owner"
  instance            = google_sql_database_instance.this.name
  type                = "BUILT_IN"
  password_wo         = var.owner_password
  password_wo_version = var.owner_password_version
  # A role that owns tables cannot be dropped; with its instance it goes anyway.
  deletion_policy = "ABANDON"
}
