output "alerts" {
  description = "Names of the alerts, as they are shown."
  value = [
    google_monitoring_alert_policy.unreachable.display_name,
    google_monitoring_alert_policy.certificate.display_name,
    google_monitoring_alert_policy.backup.display_name,
  ]
}
