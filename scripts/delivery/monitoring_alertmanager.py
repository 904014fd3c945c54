"""Checks of Alertmanager's configuration, and of Prometheus' and Grafana's beside docker compose."""

import re

import yaml

from monitoring_checks import ALERTS, JOBS, load, rules

CONFIG = "charts/tillstream/files/alertmanager/alertmanager.yml"
PROMETHEUS = "deploy/prometheus/prometheus.yml"
GRAFANA = "deploy/grafana/provisioning"
SECRETS = "/etc/alertmanager/secrets/"

# (labels of an alert, the receiver that gets it)
ROUTES = [
    ({"alertname": "TillstreamSalesFailing", "severity": "page"}, "page"),
    ({"alertname": "TillstreamDeadLetters", "severity": "ticket"}, "ticket"),
    ({"alertname": "TillstreamWatchdog", "severity": "none"}, "watchdog"),
    ({"alertname": "KubePersistentVolumeFillingUp", "severity": "critical"}, "ticket"),
    ({"alertname": "KubePodCrashLooping", "severity": "warning"}, "ticket"),
    ({"alertname": "Somebody", "severity": "info"}, "nobody"),
    ({"alertname": "Somebody"}, "nobody"),
]

# (what it shows, the alert that speaks, the alert that is asked about, whether that one is silenced)
SHOP = {"namespace": "shop"}
INHIBITIONS = [
    ("lag is silent while NATS is down",
     {"alertname": "TillstreamNatsDown", "severity": "page", **SHOP},
     {"alertname": "TillstreamConsumerLagOld", "severity": "page", "consumer": "sales", **SHOP}, True),
    ("lag in another namespace is not",
     {"alertname": "TillstreamNatsDown", "severity": "page", **SHOP},
     {"alertname": "TillstreamConsumerLagOld", "severity": "page", "consumer": "sales", "namespace": "test"}, False),
    ("without namespaces, as in compose, it is silent too",
     {"alertname": "TillstreamNatsDown", "severity": "page"},
     {"alertname": "TillstreamConsumerStuck", "severity": "page", "consumer_name": "sales"}, True),
    ("a broken chain is told whatever else is down",
     {"alertname": "TillstreamNatsDown", "severity": "page", **SHOP},
     {"alertname": "TillstreamChainBroken", "severity": "page", **SHOP}, False),
    ("an exhausted pool is silent while PostgreSQL is down",
     {"alertname": "TillstreamPostgresDown", "severity": "page", **SHOP},
     {"alertname": "TillstreamPoolExhausted", "severity": "ticket", "instance": "a", **SHOP}, True),
    ("refused sales are told though PostgreSQL is down, for they ought to be accepted",
     {"alertname": "TillstreamPostgresDown", "severity": "page", **SHOP},
     {"alertname": "TillstreamSalesFailing", "severity": "page", "slo": "sales-available", **SHOP}, False),
    ("the ticket is silent beside its page",
     {"alertname": "TillstreamStreamNearlyFull", "severity": "page", "stream_name": "EVENTS_0", **SHOP},
     {"alertname": "TillstreamStreamNearlyFull", "severity": "ticket", "stream_name": "EVENTS_0", **SHOP}, True),
    ("another stream's ticket is not",
     {"alertname": "TillstreamStreamNearlyFull", "severity": "page", "stream_name": "EVENTS_0", **SHOP},
     {"alertname": "TillstreamStreamNearlyFull", "severity": "ticket", "stream_name": "DEAD", **SHOP}, False),
    ("instances are silent while the whole service is down",
     {"alertname": "TillstreamServiceDown", "severity": "page", "job": "tillstream-edge"},
     {"alertname": "TillstreamTargetDown", "severity": "ticket", "job": "tillstream-edge", "instance": "a"}, True),
    ("instances of another service are not",
     {"alertname": "TillstreamServiceDown", "severity": "page", "job": "tillstream-edge"},
     {"alertname": "TillstreamTargetDown", "severity": "ticket", "job": "tillstream-sales-worker", "instance": "a"}, False),
    ("a consumer that stands still is told once",
     {"alertname": "TillstreamConsumerStuck", "severity": "page", "consumer_name": "sales", **SHOP},
     {"alertname": "TillstreamConsumerLagRising", "severity": "ticket", "consumer_name": "sales", **SHOP}, True),
    ("a stopped worker is told by what it does to the shop, too",
     {"alertname": "TillstreamServiceDown", "severity": "page", "job": "tillstream-sales-worker"},
     {"alertname": "TillstreamConsumerStuck", "severity": "page", "consumer_name": "sales", **SHOP}, False),
]


def check_alertmanager(root):
    """Routes lead to receivers, inhibitions name alerts that there are, and no secret is in the file."""
    try:
        config = load(root / CONFIG)
    except ValueError as error:
        return [str(error)]
    problems = []
    receivers = {receiver["name"] for receiver in config["receivers"]}
    used = set()

    def visit(route):
        if "receiver" in route:
            used.add(route["receiver"])
        for child in route.get("routes", []):
            visit(child)

    visit(config["route"])
    problems += [f"a route leads to {name}, which is no receiver" for name in sorted(used - receivers)]
    problems += [f"no route leads to the receiver {name}" for name in sorted(receivers - used)]
    for receiver in config["receivers"]:
        for kind, entries in receiver.items():
            if kind == "name":
                continue
            for entry in entries:
                problems += [f"{receiver['name']}: {key} holds a value; give it as a file" for key in entry
                             if re.search("url|key|token|password|secret", key) and not key.endswith("_file")]
                problems += [f"{receiver['name']}: {value} is not below {SECRETS}" for key, value in entry.items()
                             if key.endswith("_file") and not value.startswith(SECRETS)]
    alerts = {rule["alert"] for _, rule in rules(root) if "alert" in rule}
    for rule in config["inhibit_rules"]:
        for matcher in [*rule["source_matchers"], *rule["target_matchers"]]:
            problems += [f"inhibition: no alert is {name}" for name in alternatives(matcher)
                         if not any(re.fullmatch(name, alert) for alert in alerts)]
    return problems


def alternatives(matcher):
    """The alert names that a matcher of `alertname` names, each as an expression of its own."""
    found = re.fullmatch(r'alertname\s*(=~|=)\s*"?(.*?)"?', matcher)
    if not found:
        return []
    inside = re.fullmatch(r"(\w+)\((.*)\)", found[2])
    return [inside[1] + part for part in inside[2].split("|")] if inside else [found[2]]


def check_compose(root):
    """Prometheus scrapes what the rules ask for, finds the rules, and Grafana finds data and dashboards."""
    problems = []
    try:
        config = load(root / PROMETHEUS)
        source = load(root / GRAFANA / "datasources/prometheus.yml")
        provider = load(root / GRAFANA / "dashboards/tillstream.yml")
    except ValueError as error:
        return [str(error)]
    jobs = [job["job_name"] for job in config["scrape_configs"]]
    problems += [f"prometheus.yml does not scrape {job}" for job in sorted(JOBS - set(jobs))]
    for job in config["scrape_configs"]:
        if job["job_name"].startswith("tillstream-"):
            found = [(name, dns.get("port")) for dns in job.get("dns_sd_configs", []) for name in dns["names"]]
            if found != [(job["job_name"].removeprefix("tillstream-"), 9100)]:
                problems.append(f"{job['job_name']} is not found by the name of its service on port 9100")
    if config["rule_files"] != ["/etc/prometheus/rules/*.yml"]:
        problems.append("prometheus.yml does not read /etc/prometheus/rules/*.yml")
    if not any((root / ALERTS).glob("*.yml")):
        problems.append("there are no rules")
    default = [entry for entry in source["datasources"] if entry.get("isDefault")]
    if [entry["type"] for entry in default] != ["prometheus"]:
        problems.append("Prometheus is not Grafana's default data source")
    if provider["providers"][0]["options"]["path"] != "/var/lib/grafana/dashboards/tillstream":
        problems.append("Grafana looks for the dashboards elsewhere")
    return problems


def local_config(root, urls):
    """Alertmanager's configuration with addresses in place of the files that hold them. Also for older versions, which
    do not know `url_file` (before 0.26, as in Debian 12)."""
    config = yaml.safe_load((root / CONFIG).read_text())
    for receiver in config["receivers"]:
        for hook in receiver.get("webhook_configs", []):
            name = hook.pop("url_file").removeprefix(SECRETS)
            hook["url"] = urls if isinstance(urls, str) else urls[name]
    return config


SEEDS = {
    "alertmanager": [
        (CONFIG, r"receiver: watchdog", "receiver: watchdogs", "is no receiver"),
        (CONFIG, r"url_file: \S+", "url: https://hooks.example.com/s3cr3t", "give it as a file"),
        (CONFIG, r"NatsServerUnhealthy", "NatsServerSick", "no alert is TillstreamNatsServerSick"),
    ],
    "compose": [
        (PROMETHEUS, r"job_name: postgres", "job_name: database", "does not scrape postgres"),
        (PROMETHEUS, r"port: 9100", "port: 8080", "on port 9100"),
        (f"{GRAFANA}/dashboards/tillstream.yml", r"path: \S+", "path: /tmp", "elsewhere"),
    ],
}
