mock_provider "google" {
  mock_resource "google_compute_global_address" {
    defaults = { address = "198.51.100.7" }
  }
  mock_resource "google_certificate_manager_dns_authorization" {
    defaults = {
      dns_resource_record = [{ name = "_acme-challenge.api.shop.example.", type = "CNAME", data = "proof.authorize.certificatemanager.goog." }]
    }
  }
}

variables {
  name     = "shop"
  hostname = "api.shop.example"
}

run "attacks_are_refused_before_the_rate_rule_lets_requests_pass" {
  command = apply
  variables {
    waf_preview = false
  }

  assert {
    condition = alltrue([
      for rule in google_compute_security_policy.this.rule : rule.priority < one([for rate in google_compute_security_policy.this.rule : rate.priority if rate.action == "throttle"]) if strcontains(try(rule.match[0].expr[0].expression, ""), "evaluatePreconfiguredWaf")
    ])
    error_message = "a rule after the rate rule is never looked at"
  }
  assert {
    condition = length([
      for rule in google_compute_security_policy.this.rule : rule if strcontains(try(rule.match[0].expr[0].expression, ""), "evaluatePreconfiguredWaf") && rule.action == "deny(403)" && !rule.preview
    ]) == 8
    error_message = "the eight groups of attacks must be refused"
  }
}

run "an_address_is_held_to_its_rate" {
  command = apply
  variables {
    requests_per_minute = 1200
  }

  assert {
    condition     = one([for rule in google_compute_security_policy.this.rule : rule if rule.action == "throttle"]).rate_limit_options[0].rate_limit_threshold[0].count == 1200
    error_message = "the rate must be the one given"
  }
  assert {
    condition     = one([for rule in google_compute_security_policy.this.rule : rule if rule.action == "throttle"]).rate_limit_options[0].exceed_action == "deny(429)"
    error_message = "what is too much must be answered 429"
  }
}

run "the_rules_are_watched_first" {
  command = apply
  variables {
    blocked_ranges = ["192.0.2.0/24"]
  }

  assert {
    condition     = alltrue([for rule in google_compute_security_policy.this.rule : rule.preview if rule.priority >= 2000 && rule.priority < 3000])
    error_message = "in preview nothing may be refused as an attack"
  }
  assert {
    condition     = one([for rule in google_compute_security_policy.this.rule : rule if rule.priority == 900]).action == "deny(403)"
    error_message = "blocked ranges must be refused"
  }
}

run "old_tls_is_refused_and_the_certificate_is_that_of_the_host" {
  command = apply

  assert {
    condition     = google_compute_ssl_policy.this.min_tls_version == "TLS_1_2"
    error_message = "TLS 1.2 is the least"
  }
  assert {
    condition     = google_certificate_manager_certificate.this.managed[0].domains == tolist(["api.shop.example"])
    error_message = "the certificate must be for the host"
  }
}

run "without_a_zone_the_records_are_said" {
  command = apply

  assert {
    condition     = length(google_dns_record_set.address) == 0 && output.dns_records[0].data == "198.51.100.7"
    error_message = "the records must be said, not made"
  }
}

run "with_a_zone_the_records_are_made" {
  command = apply
  variables {
    dns_zone = "shop-example"
  }

  assert {
    condition     = google_dns_record_set.address[0].name == "api.shop.example." && google_dns_record_set.authorization[0].type == "CNAME"
    error_message = "both records must be made"
  }
}

run "a_bad_host_and_a_tiny_rate_are_refused" {
  command = plan
  variables {
    hostname            = "https://api.shop.example"
    requests_per_minute = 5
  }
  expect_failures = [var.hostname, var.requests_per_minute]
}
