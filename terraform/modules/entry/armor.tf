locals {
  # Rules of the OWASP core rule set, as Google keeps them. Sensitivity 1 finds what is hardly ever meant well; the
  # API takes JSON only, and product names may hold quotes and dashes.
  attacks = {
    sqli            = { priority = 2000, rules = "sqli-v33-stable" }
    xss             = { priority = 2010, rules = "xss-v33-stable" }
    lfi             = { priority = 2020, rules = "lfi-v33-stable" }
    rfi             = { priority = 2030, rules = "rfi-v33-stable" }
    rce             = { priority = 2040, rules = "rce-v33-stable" }
    protocol        = { priority = 2050, rules = "protocolattack-v33-stable" }
    scanners        = { priority = 2060, rules = "scannerdetection-v33-stable" }
    vulnerabilities = { priority = 2070, rules = "cve-canary" }
  }
}

resource "google_compute_security_policy" "this" {
  # checkov:skip=CKV_GCP_73:`cve-canary`, which has the rule against Log4j, is among the attacks; checkov does not look into dynamic blocks
  name        = var.name
  description = "Before the API of Tillstream"
  type        = "CLOUD_ARMOR"

  advanced_options_config {
    # Rules look at the values in a body of JSON, not at its text.
    json_parsing = "STANDARD"
    log_level    = "NORMAL"
  }

  adaptive_protection_config {
    layer_7_ddos_defense_config {
      enable = true
    }
  }

  dynamic "rule" {
    for_each = length(var.blocked_ranges) > 0 ? [var.blocked_ranges] : []
    content {
      priority    = 900
      action      = "deny(403)"
      description = "blocked"

      match {
        versioned_expr = "SRC_IPS_V1"
        config {
          src_ip_ranges = rule.value
        }
      }
    }
  }

  dynamic "rule" {
    for_each = local.attacks
    content {
      priority    = rule.value.priority
      action      = "deny(403)"
      description = rule.key
      preview     = var.waf_preview

      match {
        expr {
          expression = "evaluatePreconfiguredWaf('${rule.value.rules}', {'sensitivity': 1})"
        }
      }
    }
  }

  # After the rules against attacks: a rule that lets a request pass ends the search.
  rule {
    priority    = 3000
    action      = "throttle"
    description = "rate"

    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }

    rate_limit_options {
      enforce_on_key = "IP"
      conform_action = "allow"
      exceed_action  = "deny(429)"

      rate_limit_threshold {
        count        = var.requests_per_minute
        interval_sec = 60
      }
    }
  }

  # Every policy must have this one. Nothing gets here, for the rate rule takes what is left.
  rule {
    priority    = 2147483647
    action      = "deny(403)"
    description = "default"

    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }
}
