# Stands in for the images of Prometheus, Alertmanager and two of its exporters: Debian's packages of them.
FROM debian:stand-in
RUN apt-get update \
    && apt-get install -y --no-install-recommends prometheus prometheus-alertmanager prometheus-node-exporter \
        prometheus-postgres-exporter wget \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner nobody --group nogroup /prometheus /alertmanager
