mock_provider "google" {}

variables {
  name       = "shop"
  region     = "europe-west3"
  network_id = "projects/shop-1/global/networks/shop"
}

run "the_database_is_private_encrypted_and_protected" {
  command = plan

  assert {
    condition     = google_sql_database_instance.this.settings[0].ip_configuration[0].ipv4_enabled == false
    error_message = "the instance must have no public address"
  }
  assert {
    condition     = google_sql_database_instance.this.settings[0].ip_configuration[0].ssl_mode == "ENCRYPTED_ONLY"
    error_message = "connections without TLS must be refused"
  }
  assert {
    condition     = google_sql_database_instance.this.deletion_protection && google_sql_database_instance.this.settings[0].deletion_protection_enabled
    error_message = "both protections from deletion must be on"
  }
}

run "any_moment_of_a_week_can_be_restored" {
  command = plan

  assert {
    condition     = google_sql_database_instance.this.settings[0].backup_configuration[0].point_in_time_recovery_enabled && google_sql_database_instance.this.settings[0].backup_configuration[0].transaction_log_retention_days == 7
    error_message = "point-in-time recovery must reach back a week"
  }
  assert {
    condition     = google_sql_database_instance.this.settings[0].availability_type == "REGIONAL"
    error_message = "a standby must take over"
  }
}

run "flags_are_set" {
  command = plan

  assert {
    condition     = { for flag in google_sql_database_instance.this.settings[0].database_flags : flag.name => flag.value }["max_connections"] == "400"
    error_message = "the limit of connections must be the one given"
  }
  assert {
    condition     = { for flag in google_sql_database_instance.this.settings[0].database_flags : flag.name => flag.value }["idle_in_transaction_session_timeout"] == "60000"
    error_message = "an open transaction must not hold its locks for ever"
  }
  assert {
    condition = length(setsubtract(
      ["log_checkpoints", "log_connections", "log_disconnections", "log_lock_waits"],
      [for flag in google_sql_database_instance.this.settings[0].database_flags : flag.name if flag.value == "on"],
    )) == 0
    error_message = "what an operator asks for must be logged"
  }
  assert {
    condition     = { for flag in google_sql_database_instance.this.settings[0].database_flags : flag.name => flag.value }["log_min_error_statement"] == "error" && { for flag in google_sql_database_instance.this.settings[0].database_flags : flag.name => flag.value }["log_statement"] == "ddl"
    error_message = "statements that fail and those that change tables must be logged"
  }
}

run "the_owners_password_is_in_no_state" {
  command = apply
  variables {
    owner_password         = "0123456789abcdef"
    owner_password_version = 2
  }

  assert {
    condition     = google_sql_user.owner.name == "tillstream_owner" && google_sql_user.owner.password_wo == null
    error_message = "the password must be written and not kept"
  }
  assert {
    condition     = google_sql_user.owner.password_wo_version == 2
    error_message = "a new version must send the password again"
  }
}

run "a_trial_can_be_destroyed" {
  command = plan
  variables {
    deletion_protection = false
    high_availability   = false
  }

  assert {
    condition     = !google_sql_database_instance.this.deletion_protection && !google_sql_database_instance.this.settings[0].deletion_protection_enabled
    error_message = "both protections must go together"
  }
  assert {
    condition     = google_sql_database.this.deletion_policy == "ABANDON" && google_sql_user.owner.deletion_policy == "ABANDON"
    error_message = "a database in use and a role that owns tables must not hold up a destroy"
  }
}

run "an_old_version_and_too_few_backups_are_refused" {
  command = plan
  variables {
    postgres_version = "POSTGRES_14"
    backups          = { start = "02:00", kept = 3, log_days = 7 }
    max_connections  = 20
  }
  expect_failures = [var.postgres_version, var.backups, var.max_connections]
}
