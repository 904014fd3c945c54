# What the cluster cannot see or cannot tell: whether tills get in, for how long the certificate is good, and whether
# the database was backed up. Everything else is told by Prometheus.
resource "google_monitoring_uptime_check_config" "api" {
  display_name = "${var.name}: the API from outside"
  period       = "60s"
  timeout      = "10s"

  http_check {
    path         = "/v1/registers"
    port         = 443
    use_ssl      = true
    validate_ssl = true

    # Nobody is let in without a token, and it takes the API to say so.
    accepted_response_status_codes {
      status_value = 401
    }
  }

  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project
      host       = var.hostname
    }
  }
}

resource "google_monitoring_alert_policy" "unreachable" {
  display_name          = "${var.name}: the API is not reached from outside"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.notification_channels

  conditions {
    display_name = "more than one place cannot reach it"

    condition_threshold {
      filter          = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.labels.check_id = \"${google_monitoring_uptime_check_config.api.uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "120s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.*"]
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "Look at the balancer's backends and its log, and at what Cloud Armor refused. docs/operations/alerts/sales-failing.md"
  }
}

resource "google_monitoring_alert_policy" "certificate" {
  display_name          = "${var.name}: the certificate expires"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.notification_channels

  conditions {
    display_name = "in less than ${var.certificate_days} days"

    condition_threshold {
      filter          = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/time_until_ssl_cert_expires\" AND metric.labels.check_id = \"${google_monitoring_uptime_check_config.api.uptime_check_id}\""
      comparison      = "COMPARISON_LT"
      threshold_value = var.certificate_days
      duration        = "600s"

      aggregations {
        alignment_period     = "1200s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_MIN"
        group_by_fields      = ["resource.label.*"]
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "Google renews it a month before, if the record of `terraform output dns_records` is still there. docs/operations/alerts/certificate-expiring.md"
  }
}

# Cloud SQL has no measure of a backup's age. It writes a line for each that it made, and those are counted.
resource "google_logging_metric" "backups" {
  # PromQL has no dashes.
  name = "${replace(var.name, "-", "_")}_backups"
  filter = join(" AND ", [
    "resource.type = \"cloudsql_database\"",
    "resource.labels.database_id = \"${var.project}:${var.database_instance}\"",
    "log_id(\"cloudaudit.googleapis.com/system_event\")",
    "protoPayload.methodName = \"cloudsql.instances.automatedBackup\"",
    "protoPayload.metadata.windowStatus = \"STATUS_SUCCEEDED\"",
  ])

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }
}

# One that failed and one that was never tried are the same: there is none.
resource "google_monitoring_alert_policy" "backup" {
  display_name          = "${var.name}: the last good backup is old"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.notification_channels

  conditions {
    display_name = "none in ${var.backup_hours} hours"

    # A condition on a threshold or on absence looks back a day at most, which is less than two backups may be apart.
    condition_prometheus_query_language {
      query               = "absent_over_time(logging_googleapis_com:user_${google_logging_metric.backups.name}{monitored_resource=\"cloudsql_database\"}[${var.backup_hours}h])"
      duration            = "0s"
      evaluation_interval = "300s"
      # The metric has just been made; Monitoring knows it some minutes later.
      disable_metric_validation = true
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "`gcloud sql backups list --instance=${var.database_instance}` says when and why. It fires until a new instance has its first one. docs/operations/alerts/backup-old.md"
  }
}
