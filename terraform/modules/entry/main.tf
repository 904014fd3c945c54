# The address stays when the balancer before the cluster is made anew.
resource "google_compute_global_address" "this" {
  name = var.name
}

# The certificate is proved by a record in the DNS, so it is there before the first request.
resource "google_certificate_manager_dns_authorization" "this" {
  name   = var.name
  domain = var.hostname
}

resource "google_certificate_manager_certificate" "this" {
  name = var.name

  managed {
    domains            = [var.hostname]
    dns_authorizations = [google_certificate_manager_dns_authorization.this.id]
  }
}

resource "google_certificate_manager_certificate_map" "this" {
  name = var.name
}

resource "google_certificate_manager_certificate_map_entry" "this" {
  name         = var.name
  map          = google_certificate_manager_certificate_map.this.name
  certificates = [google_certificate_manager_certificate.this.id]
  hostname     = var.hostname
}

resource "google_compute_ssl_policy" "this" {
  name            = var.name
  profile         = "RESTRICTED"
  min_tls_version = "TLS_1_2"
}

resource "google_dns_record_set" "address" {
  count = var.dns_zone == null ? 0 : 1

  managed_zone = var.dns_zone
  name         = "${var.hostname}."
  type         = "A"
  ttl          = 300
  rrdatas      = [google_compute_global_address.this.address]
}

resource "google_dns_record_set" "authorization" {
  count = var.dns_zone == null ? 0 : 1

  managed_zone = var.dns_zone
  name         = google_certificate_manager_dns_authorization.this.dns_resource_record[0].name
  type         = google_certificate_manager_dns_authorization.this.dns_resource_record[0].type
  ttl          = 300
  rrdatas      = [google_certificate_manager_dns_authorization.this.dns_resource_record[0].data]
}
