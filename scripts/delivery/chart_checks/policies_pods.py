"""Pods: restricted, bounded, probed, stopped in good order."""

from . import topology
from .policies import policy
from .rendering import component, title

OURS = {"edge", "sales-worker", "stock-worker", "receipts-worker", "identity-worker"}


@policy
def restricted(release):
    """Kubernetes' restricted profile, for each container, and a read-only root besides."""
    for owner, _, spec in release.pods():
        pod = spec.get("securityContext", {})
        if not pod.get("runAsNonRoot") or not pod.get("runAsUser", 0) > 0 or pod.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{title(owner)}: its pod is not restricted"
        if any(spec.get(field) for field in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{title(owner)}: shares a namespace of the node"
        if any("hostPath" in volume for volume in spec.get("volumes", [])):
            yield f"{title(owner)}: mounts a folder of the node"
        if component(owner) != "postgresql" and pod.get("runAsUser", 0) < 10000:
            yield f"{title(owner)}: runs as a user below 10000, which may exist on the node"
    for owner, container in release.containers():
        context = container.get("securityContext", {})
        wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True,
                  "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}
        for field, value in wanted.items():
            if context.get(field) != value:
                yield f"{title(owner)}: container {container['name']} has not {field}: {value}"


@policy
def no_account_token(release):
    for owner, _, spec in release.pods():
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{title(owner)} mounts a service account's token"
        if "serviceAccountName" in spec:
            yield f"{title(owner)} needs a service account, which may not be there yet"


@policy
def bounded(release):
    """Requests for CPU and memory, and a limit for memory."""
    for owner, container in release.containers():
        resources = container.get("resources", {})
        if not {"cpu", "memory"} <= set(resources.get("requests", {})) or "memory" not in resources.get("limits", {}):
            yield f"{title(owner)}: container {container['name']} has no requests for cpu and memory, or no limit for memory"
    for owner, _, spec in release.pods():
        for volume in spec.get("volumes", []):
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{title(owner)}: volume {volume['name']} has no limit"
        job = owner["spec"]["jobTemplate"]["spec"] if owner["kind"] == "CronJob" else owner["spec"]
        if owner["kind"] in ("Job", "CronJob") and not {"activeDeadlineSeconds", "backoffLimit"} <= set(job):
            yield f"{title(owner)} may try for ever"


@policy
def probed(release):
    for document in release.of("Deployment", "StatefulSet"):
        for container in document["spec"]["template"]["spec"]["containers"]:
            for probe in ("readinessProbe", "livenessProbe"):
                if probe not in container:
                    yield f"{title(document)}: container {container['name']} has no {probe}"
        if component(document) in OURS:
            container = document["spec"]["template"]["spec"]["containers"][0]
            for probe, path in (("startupProbe", "/livez"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")):
                if container.get(probe, {}).get("httpGet") != {"path": path, "port": "admin"}:
                    yield f"{title(document)}: {probe} does not ask {path} of the admin port"
            if {"name": "admin", "containerPort": 9100} not in container["ports"]:
                yield f"{title(document)}: the admin port is not 9100"


@policy
def stops_in_good_order(release):
    """The time to stop is longer than what stopping takes."""
    for document in release.of("Deployment"):
        spec = document["spec"]["template"]["spec"]
        grace = spec.get("terminationGracePeriodSeconds", 30)
        if component(document) == "edge":
            sleep = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            if sleep != release.values["edge"]["preStopSeconds"]:
                yield "the edge does not sleep before it stops: proxies still send it requests"
            if grace <= sleep + 13:
                yield f"the edge has {grace} s to stop, and needs {sleep} s of sleep and 13 s of draining"
        elif component(document) in OURS:
            needed = release.values["topology"]["ackWaitMs"] / 1000 + 15
            if grace <= needed:
                yield f"{title(document)} has {grace} s to stop, and needs more than {needed:g} s"
    for document in release.of("StatefulSet"):
        if component(document) == "nats":
            leaves = "lifecycle" in document["spec"]["template"]["spec"]["containers"][0]
            if leaves != (document["spec"]["replicas"] > 1):
                yield "a NATS server asks its clients to go elsewhere, and there is no other, or does not and there is"
    for document in release.of("Deployment"):
        strategy = document["spec"].get("strategy", {}).get("rollingUpdate", {})
        if component(document) in OURS and strategy != {"maxSurge": 1, "maxUnavailable": 0}:
            yield f"{title(document)}: a rollout takes pods away before others are ready"


@policy
def spread(release):
    for document in release.of("Deployment", "StatefulSet"):
        if component(document) not in OURS | {"nats"}:
            continue
        spec = document["spec"]["template"]["spec"]
        keys = {constraint["topologyKey"] for constraint in spec.get("topologySpreadConstraints", [])}
        if keys != {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}:
            yield f"{title(document)} is not spread over zones and nodes"
        for constraint in spec.get("topologySpreadConstraints", []):
            if constraint["labelSelector"]["matchLabels"] != document["spec"]["selector"]["matchLabels"]:
                yield f"{title(document)} is spread among others' pods"


@policy
def images(release):
    """A version, never `latest`; and the digest, when one is given."""
    for owner, container in release.containers():
        image = container["image"]
        if "@sha256:" not in image and (":" not in image.rsplit("/", 1)[-1] or image.endswith((":latest", ":"))):
            yield f"{title(owner)}: image {image} has no version"
        given = image.rsplit("/", 1)[-1].split("@")[0].split(":")[0]
        digest = release.values["image"]["digests"].get(given)
        if digest and image != f"{release.values['image']['registry']}/{given}@{digest}":
            yield f"{title(owner)}: image {image} is not by its digest"


@policy
def configured(release):
    """Pods restart when their settings change, and settings are ones that the binary knows."""
    for document in release.of("Deployment", "StatefulSet"):
        template = document["spec"]["template"]
        uses = [volume["configMap"]["name"] for volume in template["spec"]["volumes"] if "configMap" in volume]
        if uses and "checksum/config" not in template["metadata"].get("annotations", {}):
            yield f"{title(document)} does not restart when its settings change"
    for document in release.of("ConfigMap"):
        for file, text in document.get("data", {}).items():
            if file not in ("settings.toml", "limits.toml"):
                continue
            try:
                found = set(topology.keys(topology.tomllib.loads(text)))
            except topology.tomllib.TOMLDecodeError as error:
                yield f"{title(document)}: {file} is not TOML: {error}"
                continue
            known = topology.limits() if file == "limits.toml" else topology.settings(component(document))
            for key in sorted(found - known):
                yield f"{title(document)}: {file} has {key}, which nothing reads"


ELASTIC = {"Elasticsearch": ("elasticsearch", lambda spec: spec["nodeSets"][0]["podTemplate"]),
           "Kibana": ("kibana", lambda spec: spec["podTemplate"]),
           "Logstash": ("logstash", lambda spec: spec["podTemplate"]),
           "Beat": ("filebeat", lambda spec: spec["daemonSet"]["podTemplate"])}


@policy
def logging_is_contained(release):
    """What ECK makes pods of: no token, bounded, reached by a policy of its own; only Filebeat is root and sees the node."""
    for document in release.of(*ELASTIC):
        part, template = ELASTIC[document["kind"]]
        template = template(document["spec"])
        spec, labels = template["spec"], template["metadata"]["labels"]
        pod = spec.get("securityContext", {})
        if spec.get("automountServiceAccountToken") is not (part == "filebeat") or pod.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{title(document)} mounts a token, or is not confined by seccomp"
        host = any("hostPath" in volume for volume in spec.get("volumes", []))
        if (part == "filebeat") != (pod.get("runAsNonRoot") is not True) or (part == "filebeat") != host:
            yield f"{title(document)} runs as root or mounts folders of the node, and need not"
        for mount in spec["containers"][0].get("volumeMounts", []):
            if not mount.get("readOnly"):
                yield f"{title(document)} may write to the node"
        container = spec["containers"][0]
        if container.get("securityContext") != {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}:
            yield f"{title(document)}: its container is not restricted"
        if "memory" not in container["resources"].get("limits", {}):
            yield f"{title(document)} has no limit for memory"
        on = [found for found in release.of("NetworkPolicy")
              if found["metadata"].get("namespace") == document["metadata"]["namespace"]
              and found["spec"]["podSelector"]["matchLabels"].items() <= labels.items()]
        if release.values["networkPolicies"]["enabled"] and not on:
            yield f"{title(document)} has no network policy in its namespace"
    for role in release.of("Role", "ClusterRole"):
        for rule in role["rules"]:
            if not set(rule["verbs"]) <= {"get", "list", "watch"} or not set(rule["resources"]) <= {"pods", "nodes", "namespaces"}:
                yield f"{title(role)} may do more than Filebeat needs"
    for beat in release.of("Beat"):
        environment = {entry["name"]: entry.get("value") for entry in beat["spec"]["daemonSet"]["podTemplate"]["spec"]["containers"][0]["env"]}
        for logstash in release.of("Logstash"):
            wanted = f"{logstash['metadata']['name']}-ls-beats.{logstash['metadata']['namespace']}.svc:5044"
            if environment.get("LOGSTASH_HOST") != wanted:
                yield f"{title(beat)} does not send to {wanted}"
            if logstash["spec"]["pipelines"][0]["config.string"].count("output {") != 1 or not beat["spec"]["config"]:
                yield f"{title(logstash)} or {title(beat)} is not configured as files/logging has it"
