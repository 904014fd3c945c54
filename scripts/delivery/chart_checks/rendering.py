"""Renders the chart: every profile, in every variation."""

import copy
import itertools
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import tools

PROGRAMS_AT_ONCE = 4
NAMESPACE = "shop"
RELEASE = "tillstream"
DIGEST = "sha256:" + "0123456789abcdef" * 4

# What production must be given besides; an address of a documentation network.
GIVEN = {"postgresql": {"external": {"host": "192.0.2.3", "cidrs": ["192.0.2.3/32"]}}}

# Name → the profile's files, and what it must be given.
PROFILES = {
    "default": ([], {}),
    "dev": (["values-dev.yaml"], {}),
    "production": (["values-production.yaml"], GIVEN),
    "gke": (["values-production.yaml", "values-gke.yaml"], GIVEN),
}

# Name → values on top of a profile. Each is rendered with each profile.
VARIATIONS = {
    "plain": {},
    "autoscaled": {"edge": {"autoscaling": {"enabled": True, "memoryUtilization": 80, "maxReplicas": 4}},
                   "workers": {"autoscaling": {"enabled": True, "maxReplicas": 4}}, "postgresql": {"maxConnections": 200}},
    "fixed": {"edge": {"autoscaling": {"enabled": False}, "replicas": 3},
              "workers": {"autoscaling": {"enabled": False}, "each": {"stock": {"replicas": 2}}}},
    "one worker differs": {"workers": {"each": {"stock": {"autoscaling": {"enabled": True, "maxReplicas": 9},
                                                          "settings": {"worker": {"pull": {"batch": 250}}},
                                                          "nodeSelector": {"pool": "stock"}}}},
                           "postgresql": {"maxConnections": 200}},
    "partitions": {"topology": {"partitions": 3, "commandsMaxBytes": 1 << 30, "eventsMaxBytes": 1 << 30},
                   "nats": {"storage": {"size": "16Gi"}}, "postgresql": {"maxConnections": 300},
                   "workers": {"settings": {"database": {"max_connections": 9}}, "autoscaling": {"enabled": True}}},
    "nats cluster": {"nats": {"replicas": 3}, "topology": {"replicas": 0},
                     "monitoring": {"exporters": {"nats": {"enabled": True}}}},
    "nats external": {"nats": {"enabled": False, "auth": {"existingSecret": "broker"},
                               "external": {"url": "nats://a.example:4222,nats://b.example:4223", "account": "SHOP",
                                            "monitoring": "a.example:8222", "cidrs": ["192.0.2.16/28"]}},
                      "monitoring": {"exporters": {"nats": {"enabled": False}}}},
    "postgresql external": {"postgresql": {"enabled": False, "auth": {"existingSecret": "database"}, "external": {
        "host": "db.example", "readHost": "replica.example", "port": 6432, "sslMode": "verify-full", "caSecret": "db-ca",
        "cidrs": ["192.0.2.32/28"]}}, "monitoring": {"exporters": {"postgresql": {"enabled": True, "existingSecret": "monitor"}}}},
    "gateway": {"edge": {"preStopSeconds": 30, "gracePeriodSeconds": 75}, "route": {"type": "gateway", "hostnames": ["shop.example"], "gke": {"enabled": True, "securityPolicy": "armor"},
                          "gateway": {"create": True, "namedAddress": "shop", "annotations": {"networking.gke.io/certmap": "shop"}}},
                "networkPolicies": {"public": {"cidrs": ["130.211.0.0/22"]}, "healthCheckCidrs": ["130.211.0.0/22"]}},
    "gateway of others": {"route": {"type": "gateway", "gateway": {"create": False, "parentRefs": [
        {"name": "public", "namespace": "gateways", "sectionName": "https"}]}}},
    "gateway with certificate": {"route": {"type": "gateway", "gateway": {"create": True, "certificateSecrets": ["shop-tls"]}}},
    "ingress": {"route": {"type": "ingress", "hostnames": ["shop.example"], "ingress": {
        "className": "nginx", "annotations": {"a": "b"}, "tls": [{"hosts": ["shop.example"], "secretName": "shop-tls"}]}},
        "networkPolicies": {"public": {"namespaces": ["ingress-nginx"]}}},
    "load balancer": {"edge": {"service": {"type": "LoadBalancer", "loadBalancerClass": "example.com/lb",
                                           "loadBalancerSourceRanges": ["192.0.2.0/24"], "externalTrafficPolicy": "Local"}}},
    "web": {"edge": {"preStopSeconds": 30, "gracePeriodSeconds": 75}, "web": {"enabled": True, "env": {"API": "/v1"}, "digest": DIGEST}, "route": {"type": "gateway", "gateway": {"create": True},
                                                                                       "gke": {"enabled": True}},
            "networkPolicies": {"healthCheckCidrs": ["130.211.0.0/22"]}},
    "web on ingress": {"web": {"enabled": True}, "route": {"type": "ingress"},
                       "networkPolicies": {"public": {"namespaces": ["ingress-nginx"]}}},
    "monitoring": {"monitoring": {"serviceMonitors": {"enabled": True, "labels": {"release": "prometheus"}},
                                  "rules": {"enabled": True, "labels": {"release": "prometheus"}},
                                  "dashboards": {"enabled": True, "labels": {"board": "1"}, "annotations": {"folder": "shop"}},
                                  "alertmanager": {"enabled": True},
                                  "exporters": {"nats": {"enabled": True},
                                                "postgresql": {"enabled": True, "existingSecret": "monitor"}}},
                   "tracing": {"endpoint": "http://collector.monitoring:4318", "sampleRatio": 0.05, "trustClients": True}},
    "exporter in the cluster": {"postgresql": {"enabled": True, "maxConnections": 300}, "monitoring": {"exporters": {"postgresql": {
        "enabled": True, "existingSecret": ""}}}, "secrets": {"generate": True}},
    "rules without exporters": {"monitoring": {"rules": {"enabled": True}, "exporters": {
        "nats": {"enabled": False}, "postgresql": {"enabled": False}}}},
    "rules for others' exporters": {"monitoring": {"rules": {"enabled": True, "all": True}, "alertmanager": {
        "enabled": True, "namespace": "watch", "receiversSecret": "whom"}}},
    "logging": {"logging": {"enabled": True, "elasticsearch": {"nodes": 3, "className": "fast"}}},
    "logging elsewhere": {"logging": {"enabled": True, "namespace": "logs"}},
    "external secrets": {"externalSecrets": {"enabled": True, "storeName": "vault"}, "secrets": {"generate": False}},
    "existing secrets": {"secrets": {"generate": False}, "keys": {"existingSecret": "our-keys"},
                         "nats": {"auth": {"existingSecret": "our-nats"}},
                         "postgresql": {"auth": {"existingSecret": "our-postgresql"}},
                         "externalSecrets": {"enabled": False}},
    "token for the test": {"smoke": {"existingSecret": "till-token", "args": ["--wait", "30s"]}},
    "open network": {"networkPolicies": {"enabled": False}},
    "digests": {"image": {"digests": {name: DIGEST for name in ("edge", "sales-worker", "stock-worker", "receipts-worker", "identity-worker", "pos")}},
                "nats": {"image": {"digest": DIGEST}}, "postgresql": {"image": {"digest": DIGEST}}},
    "names": {"fullnameOverride": "a-name-that-is-as-long-as-names-may-be-here", "commonLabels": {"team": "tills"},
              "image": {"registry": "registry.example:5000/shop", "tag": "1.2.3-rc.1", "pullSecrets": ["pull"]}},
    "placement": {part: {"nodeSelector": {"pool": "tills"}, "priorityClassName": "high",
                         "tolerations": [{"key": "tills", "operator": "Exists"}]}
                  for part in ("edge", "workers", "nats", "postgresql")},
    "all settings": {"edge": {"preStopSeconds": 40, "gracePeriodSeconds": 90, "settings": {
        "database": {"max_connections": 6, "acquire_timeout_ms": 500}, "tokens": {"remember": 100, "earlier_keys": ["ab" * 32]}, "limits": {"address_per_s": 50, "address_burst": 100},
        "http": {"max_body_bytes": 131072, "wait_default_ms": 1, "wait_max_ms": 2, "cors_origins": ["https://till.example"],
                 "trusted_proxies": 1, "max_connections_per_address": 64},
        "commands": {"queue": 1, "batch": 1, "gather_ms": 1, "stall_ms": 1}, "events": {"max_streams": 1}}},
        "workers": {"settings": {"worker": {"deliveries_until_alone": 1, "attempts_until_dead": 1,
                                            "pull": {"batch": 1, "gather_ms": 1, "expires_ms": 100}}},
                    "each": {"receipts": {"settings": {"signing": {"earlier_keys": ["ab" * 32]}}},
                             "sales": {"settings": {"trim": {"every_ms": 1000, "commands": {"bytes": 2000000000}, "events": {"bytes": 1, "messages": 1}}}}}}},
}


def merged(base, top):
    """As Helm merges values: maps into each other, all else replaced."""
    result = copy.deepcopy(base)
    for key, value in top.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


class Release:
    """What a set of values renders to."""

    def __init__(self, name, values, documents):
        self.name, self.values, self.documents = name, values, documents

    def of(self, *kinds):
        return [document for document in self.documents if document["kind"] in kinds]

    def find(self, kind, name):
        return next((found for found in self.of(kind) if found["metadata"]["name"] == name), None)

    def pods(self):
        """(owner, labels, spec) of everything that becomes pods by Kubernetes' own hand."""
        for document in self.documents:
            if document["kind"] == "Pod":
                yield document, document["metadata"]["labels"], document["spec"]
            elif document["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
                template = document["spec"]["template"]
                yield document, template["metadata"]["labels"], template["spec"]
            elif document["kind"] == "CronJob":
                template = document["spec"]["jobTemplate"]["spec"]["template"]
                yield document, template["metadata"]["labels"], template["spec"]

    def containers(self):
        for owner, _, spec in self.pods():
            for container in spec.get("initContainers", []) + spec["containers"]:
                yield owner, container

    def altered(self, documents, values=None):
        return Release(self.name, values or self.values, documents)


def component(document):
    return document["metadata"]["labels"]["app.kubernetes.io/component"]


def title(document):
    return f"{document['kind']} {document['metadata']['name']}"


class Helm:
    def __init__(self, yaml):
        self.yaml = yaml
        self.loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self.program = tools.helm() / "helm"
        self.defaults = self.load(tools.CHART / "values.yaml")

    def load(self, file):
        return self.yaml.safe_load(Path(file).read_text()) or {}

    def run(self, *arguments, chart=tools.CHART, values=None, files=(), environment=None):
        """Runs helm on the chart; returns whether it succeeded, and what it said."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as given:
            given.write(self.yaml.safe_dump(values or {}))
            given.flush()
            named = itertools.chain.from_iterable(("--values", str(Path(chart) / file)) for file in files)
            run = subprocess.run([str(self.program), *arguments, *named, "--values", given.name], text=True,
                                 capture_output=True, timeout=300, env=environment)
        return run.returncode == 0, run.stdout if run.returncode == 0 else run.stderr

    def template(self, name, files, values, *arguments, chart=tools.CHART, environment=None):
        """A Release; ends the program if it cannot be rendered."""
        worked, text = self.run("template", RELEASE, str(chart), "--namespace", NAMESPACE, *arguments, chart=chart, values=values,
                                files=files, environment=environment)
        if not worked:
            tools.fail(f"{name} cannot be rendered:\n{text}")
        everything = self.defaults
        for file in files:
            everything = merged(everything, self.load(Path(chart) / file))
        documents = [document for document in self.yaml.load_all(text, Loader=self.loader) if document]
        return Release(name, merged(everything, values), documents)

    def all(self, quick):
        """Every profile in every variation; with `quick` every profile, and the variations of the first."""
        wanted = [(f"{profile}, {variation}", files, merged(given, values), ())
                  for profile, (files, given) in PROFILES.items() for variation, values in VARIATIONS.items()
                  if not quick or profile == "default" or variation == "plain"]
        files, given = PROFILES["production"]
        outside = merged(merged(given, VARIATIONS["nats external"]), VARIATIONS["postgresql external"])
        wanted.append(("production, upgrade with servers outside", files, outside, ("--is-upgrade",)))
        with ThreadPoolExecutor(PROGRAMS_AT_ONCE) as pool:
            yield from pool.map(lambda one: self.template(one[0], one[1], one[2], *one[3]), wanted)
