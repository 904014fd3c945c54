mock_provider "google" {
  mock_resource "google_monitoring_uptime_check_config" {
    defaults = { uptime_check_id = "shop-the-api" }
  }
}

variables {
  project               = "shop-1"
  name                  = "shop"
  hostname              = "api.shop.example"
  database_instance     = "shop-2"
  notification_channels = ["projects/shop-1/notificationChannels/123"]
}

run "somebody_is_told" {
  command = apply

  assert {
    condition = alltrue([
      for policy in [google_monitoring_alert_policy.unreachable, google_monitoring_alert_policy.certificate, google_monitoring_alert_policy.backup] :
      toset(policy.notification_channels) == toset(["projects/shop-1/notificationChannels/123"])
    ])
    error_message = "every alert must go to the channel"
  }
}

run "the_certificate_is_looked_at_from_outside" {
  command = apply

  assert {
    condition     = google_monitoring_uptime_check_config.api.http_check[0].use_ssl && google_monitoring_uptime_check_config.api.monitored_resource[0].labels.host == "api.shop.example"
    error_message = "the check must come in as tills do"
  }
  assert {
    condition     = google_monitoring_alert_policy.certificate.conditions[0].condition_threshold[0].comparison == "COMPARISON_LT" && google_monitoring_alert_policy.certificate.conditions[0].condition_threshold[0].threshold_value == 14
    error_message = "two weeks before its end somebody must be told"
  }
  assert {
    condition = alltrue([
      for policy in [google_monitoring_alert_policy.unreachable, google_monitoring_alert_policy.certificate] :
      strcontains(policy.conditions[0].condition_threshold[0].filter, "metric.labels.check_id = \"shop-the-api\"")
    ])
    error_message = "the alerts must look at this check and no other"
  }
}

run "a_backup_that_failed_or_was_not_tried_is_told" {
  command = apply

  assert {
    condition     = strcontains(google_logging_metric.backups.filter, "\"shop-1:shop-2\"") && strcontains(google_logging_metric.backups.filter, "windowStatus = \"STATUS_SUCCEEDED\"")
    error_message = "good backups of this instance are counted, and nothing else"
  }
  assert {
    condition     = google_monitoring_alert_policy.backup.conditions[0].condition_prometheus_query_language[0].query == "absent_over_time(logging_googleapis_com:user_shop_backups{monitored_resource=\"cloudsql_database\"}[30h])"
    error_message = "no good backup in 30 hours must be told"
  }
}

run "nobody_to_tell_and_too_short_a_time_are_refused" {
  command = plan
  variables {
    notification_channels = []
    backup_hours          = 24
  }
  expect_failures = [var.notification_channels, var.backup_hours]
}
