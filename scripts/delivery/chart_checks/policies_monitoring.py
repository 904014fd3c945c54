"""Monitoring: all that is watched is found, and somebody is told."""

from .policies import policy
from .rendering import component, title


@policy
def monitors(release):
    """Each has the extra labels, finds one Service and a port of it, and names its job."""
    monitoring = release.values["monitoring"]
    for kind, given in (("ServiceMonitor", monitoring["serviceMonitors"]), ("PrometheusRule", monitoring["rules"])):
        if not given["enabled"] and release.of(kind):
            yield f"there is a {kind}, though they are switched off"
        for found in release.of(kind):
            if not given["labels"].items() <= found["metadata"]["labels"].items():
                yield f"{title(found)} has not the labels by which Prometheus finds it"
    for document in release.of("ConfigMap"):
        if "-dashboard-" in document["metadata"]["name"]:
            if not monitoring["dashboards"]["labels"].items() <= document["metadata"]["labels"].items():
                yield f"{title(document)} has not the labels by which Grafana finds it"
    for monitor in release.of("ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"]
        services = [service for service in release.of("Service") if wanted.items() <= service["metadata"]["labels"].items()]
        endpoint = monitor["spec"]["endpoints"][0]
        if len(services) != 1 or endpoint["port"] not in [port["name"] for port in services[0]["spec"]["ports"]]:
            yield f"{title(monitor)} finds {len(services)} services, or not its port"
        job = {"nats": "nats", "postgresql-exporter": "postgres"}.get(component(monitor), f"tillstream-{component(monitor)}")
        if {"targetLabel": "job", "replacement": job} not in endpoint.get("relabelings", []):
            yield f"{title(monitor)} does not name its job {job}"
    if monitoring["serviceMonitors"]["enabled"]:
        scraped = {component(monitor) for monitor in release.of("ServiceMonitor")}
        for part in sorted({"edge", "sales-worker", "stock-worker", "receipts-worker", "identity-worker"} - scraped):
            yield f"{part} is not scraped"


@policy
def rules_of_what_is_scraped(release):
    """Rules on NATS and PostgreSQL are there where something scrapes them: absent() would fire for ever."""
    monitoring = release.values["monitoring"]
    names = {found["metadata"]["name"] for found in release.of("PrometheusRule")}
    if not monitoring["rules"]["enabled"]:
        return
    for server, file in (("nats", "broker"), ("postgresql", "database")):
        scraped = monitoring["rules"]["all"] or monitoring["exporters"][server]["enabled"]
        if any(name.endswith(f"-{file}") for name in names) != scraped:
            yield f"{file}.yml is {'missing' if scraped else 'there'}, and {server} is {'' if scraped else 'not '}scraped"


@policy
def somebody_is_told(release):
    """Alertmanager's configuration is where its operator looks, and reads addresses where the operator mounts them."""
    given = release.values["monitoring"]["alertmanager"]
    found = [secret for secret in release.of("Secret") if secret["metadata"]["name"].endswith("-alertmanager")]
    if len(found) != given["enabled"]:
        yield f"there are {len(found)} configurations of Alertmanager"
    for secret in found:
        namespace = given["namespace"] or release.values["networkPolicies"]["monitoringNamespace"]
        if secret["metadata"].get("namespace") != namespace:
            yield f"{title(secret)} is not in {namespace}"
        text = secret.get("stringData", {}).get("alertmanager.yaml", "")
        files = [line.split("url_file:")[1].strip() for line in text.splitlines() if "url_file:" in line]
        wanted = {f"/etc/alertmanager/secrets/{given['receiversSecret']}/{name}-url" for name in ("page", "ticket", "watchdog")}
        if set(files) != wanted:
            yield f"{title(secret)} reads {files}"
