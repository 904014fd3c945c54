"""Wiring: what is referred to is there."""

import base64
import re
import subprocess

from . import topology
from .policies import policy
from .policies_pods import OURS
from .rendering import component, title


def keys_of_secrets(release):
    """Secret → its keys, for all that the rendering makes; None for those that it is told exist."""
    values = release.values
    there = {}
    for secret in release.of("Secret"):
        there[secret["metadata"]["name"]] = set(secret.get("data", {}))
    for external in release.of("ExternalSecret"):
        there[external["spec"]["target"]["name"]] = {entry["secretKey"] for entry in external["spec"]["data"]}
    for name in (values["keys"]["existingSecret"], values["nats"]["auth"]["existingSecret"], values["smoke"]["existingSecret"],
                 values["postgresql"]["auth"]["existingSecret"], values["postgresql"]["external"]["caSecret"],
                 values["monitoring"]["exporters"]["postgresql"]["existingSecret"]):
        if name:
            there[name] = None
    # Elastic's operator makes these.
    for found in release.of("Elasticsearch"):
        there |= {f"{found['metadata']['name']}-es-{name}": None for name in ("elastic-user", "http-certs-public")}
    for found in release.of("Kibana"):
        there[f"{found['metadata']['name']}-kb-http-certs-public"] = None
    return there


def sources(volume):
    """(kind, name, keys) of a volume."""
    for source in volume.get("projected", {}).get("sources", []):
        if "secret" in source:
            yield "Secret", source["secret"]["name"], {item["key"] for item in source["secret"]["items"]}
    if "secret" in volume:
        yield "Secret", volume["secret"]["secretName"], {item["key"] for item in volume["secret"]["items"]}
    if "configMap" in volume:
        yield "ConfigMap", volume["configMap"]["name"], set()


def environment(spec):
    """(kind, name, keys) of what a pod's containers have in their environment."""
    for container in spec.get("initContainers", []) + spec["containers"]:
        for entry in container.get("env", []):
            if found := entry.get("valueFrom", {}).get("secretKeyRef"):
                yield "Secret", found["name"], {found["key"]}


@policy
def references(release):
    """Each Secret, key and ConfigMap that a pod mounts is there, and each mount has its volume."""
    secrets = keys_of_secrets(release)
    for owner, _, spec in release.pods():
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        if owner["kind"] == "StatefulSet":
            volumes |= {claim["metadata"]["name"] for claim in owner["spec"]["volumeClaimTemplates"]}
        used = {mount["name"] for container in spec.get("initContainers", []) + spec["containers"]
                for mount in container.get("volumeMounts", [])}
        for name in used ^ volumes:
            yield f"{title(owner)}: volume {name} is mounted and missing, or there and not mounted"
        for kind, name, keys in [*environment(spec), *(found for volume in spec.get("volumes", []) for found in sources(volume))]:
            if kind == "ConfigMap":
                if not release.find("ConfigMap", name):
                    yield f"{title(owner)}: ConfigMap {name} is missing"
            elif name not in secrets:
                yield f"{title(owner)}: Secret {name} is missing"
            elif secrets[name] is not None and keys - secrets[name]:
                yield f"{title(owner)}: Secret {name} has not {sorted(keys - secrets[name])}"


@policy
def least_secrets(release):
    """A pod has its own part's passwords and no others; only NATS, PostgreSQL, the setup and the operator have more."""
    for owner, _, spec in release.pods():
        role = component(owner).removesuffix("-worker")
        mine = {f"nats-{role}", f"postgres-{role}"}
        extra = {"edge": {"tokens.ed25519", "pins.pepper"}, "receipts": {"receipts.ed25519"}, "smoke": {"tokens.ed25519", "token"},
                 "nats": {f"nats-{name}" for name in ("edge", "sales", "stock", "receipts", "identity", "operator", "routes")},
                 "operator": {"nats-operator", "postgres-owner", "receipts.ed25519"},
                 "setup": {"nats-operator", "postgres-monitor"} | {
                     f"postgres-{name}" for name in ("owner", "edge", "sales", "stock", "receipts", "identity")},
                 "postgresql": {"postgres-owner"}, "postgresql-exporter": {"postgres-monitor"},
                 "logging-setup": {"elastic", "ca.crt"}}.get(role, set())
        volumes = [volume for volume in spec.get("volumes", []) if volume["name"] != "postgres-ca"]
        for kind, _, keys in [*environment(spec), *(found for volume in volumes for found in sources(volume))]:
            if kind == "Secret" and keys - mine - extra:
                yield f"{title(owner)} is given {sorted(keys - mine - extra)}"


@policy
def told_of_secrets(release):
    """A binary of ours is told where each secret is that it knows a setting for, and the secret is there."""
    for document in release.of("Deployment"):
        if component(document) not in OURS:
            continue
        spec = document["spec"]["template"]["spec"]
        mounted = set().union(*(keys for volume in spec["volumes"] for kind, _, keys in sources(volume) if kind == "Secret"))
        text = release.find("ConfigMap", document["metadata"]["name"])["data"]["settings.toml"]
        given = dict(topology.values(topology.tomllib.loads(text)))
        for setting in sorted(topology.secrets(component(document))):
            path = given.get(setting)
            if path is None:
                yield f"{title(document)}: is not told where its secret is, by {setting}"
            elif path.rsplit("/", 1)[-1] not in mounted:
                yield f"{title(document)}: {setting} is {path}, which is not mounted"


@policy
def generated_secrets(release):
    """32 random bytes each, as 64 hexadecimal digits, no two the same, and kept."""
    seen = set()
    for secret in release.of("Secret"):
        if component(secret) == "monitoring":
            continue
        if secret["metadata"].get("annotations", {}).get("helm.sh/resource-policy") != "keep":
            yield f"{title(secret)} would go with the release"
        for key, value in secret["data"].items():
            text = base64.b64decode(value).decode(errors="replace")
            if not re.fullmatch("[0-9a-f]{64}", text):
                yield f"{title(secret)}: {key} is not 64 hexadecimal digits"
            if text in seen:
                yield f"{title(secret)}: {key} is not random"
            seen.add(text)


@policy
def services_lead_somewhere(release):
    for service in release.of("Service"):
        ports = [{port["name"] for container in spec["containers"] for port in container.get("ports", [])}
                 for _, labels, spec in release.pods() if service["spec"]["selector"].items() <= labels.items()]
        if len(ports) != 1:
            yield f"{title(service)} leads to {len(ports)} kinds of pods"
            continue
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in ports[0]:
                yield f"{title(service)}: no pod has port {port['targetPort']}"
    for document in release.of("Deployment", "StatefulSet"):
        if not document["spec"]["selector"]["matchLabels"].items() <= document["spec"]["template"]["metadata"]["labels"].items():
            yield f"{title(document)} does not select its own pods"
    for route in release.of("HTTPRoute"):
        for rule in route["spec"]["rules"]:
            for backend in rule.get("backendRefs", []):
                service = release.find("Service", backend["name"])
                if not service or backend["port"] not in [port["port"] for port in service["spec"]["ports"]]:
                    yield f"{title(route)} leads to {backend['name']}:{backend['port']}, which is not there"


@policy
def setup_needs_nothing_new(release):
    """On a first install an ordinary Job; as a hook only what is there before the upgrade, or a hook that comes earlier."""
    jobs = [document for document in release.of("Job") if component(document) == "setup"]
    if len(jobs) != 1:
        yield f"there are {len(jobs)} Jobs of migration and topology"
        return
    job = jobs[0]
    hook = job["metadata"].get("annotations", {}).get("helm.sh/hook")
    if hook not in (None, "pre-upgrade"):
        yield f"migration and topology are a {hook} hook: on a first install that is too early or waits for ever"
    for volume in job["spec"]["template"]["spec"]["volumes"]:
        if "configMap" not in volume:
            continue
        used = release.find("ConfigMap", volume["configMap"]["name"])
        annotations = (used or {"metadata": {}})["metadata"].get("annotations", {})
        if annotations.get("helm.sh/hook") != hook:
            yield "the Job's limits are not there when it runs"
        elif hook and int(annotations["helm.sh/hook-weight"]) >= int(job["metadata"]["annotations"]["helm.sh/hook-weight"]):
            yield "the Job's limits are not made before it runs"
    for secret in release.of("Secret", "ExternalSecret"):
        if "helm.sh/hook" in secret["metadata"].get("annotations", {}):
            yield f"{title(secret)} is a hook: it would be made anew, and lost if that fails"


@policy
def unique(release):
    """One of each name, short enough, in the release's namespace."""
    seen = set()
    for document in release.documents:
        key = (document["kind"], document["metadata"]["name"], document["metadata"].get("namespace"))
        if key in seen:
            yield f"{title(document)} is there twice"
        seen.add(key)
        if len(document["metadata"]["name"]) > 63 - (11 if document["kind"] == "StatefulSet" else 0):
            yield f"{title(document)}: its name is too long for labels of its pods"
        elsewhere = component(document).startswith("logging") or title(document).endswith("-alertmanager")
        if document["metadata"].get("namespace", "shop") != "shop" and not elsewhere:
            yield f"{title(document)} is in another namespace"
        labels = document["metadata"].get("labels", {})
        if not {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"} <= set(labels):
            yield f"{title(document)} has not the common labels"
        if not release.values["commonLabels"].items() <= labels.items():
            yield f"{title(document)} has not the labels that are given for all"


@policy
def scripts_parse(release):
    for document in release.of("ConfigMap"):
        for file, text in document.get("data", {}).items():
            if file.endswith(".sh"):
                run = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True)
                if run.returncode != 0:
                    yield f"{title(document)}: {file}: {run.stderr.strip()}"
