"""Scaling: one autoscaler or a number of replicas, on consumers that exist; budgets that let nodes be drained."""

from . import topology
from .policies import policy
from .rendering import component, title


@policy
def one_scaler(release):
    """A Deployment has one autoscaler and no replicas, or replicas and no autoscaler."""
    for document in release.of("Deployment"):
        name = document["metadata"]["name"]
        scalers = [scaler for scaler in release.of("HorizontalPodAutoscaler", "ScaledObject")
                   if scaler["spec"]["scaleTargetRef"]["name"] == name]
        if len(scalers) > 1:
            yield f"{title(document)} has more than one autoscaler"
        if scalers and "replicas" in document["spec"]:
            yield f"{title(document)} has replicas beside its autoscaler: every upgrade would undo what that decided"
        if not scalers and "replicas" not in document["spec"]:
            yield f"{title(document)} has neither autoscaler nor replicas"
        if scalers and (scalers[0]["kind"] == "HorizontalPodAutoscaler") != (component(document) == "edge"):
            yield f"{title(document)} has the wrong kind of autoscaler"
    for scaler in release.of("HorizontalPodAutoscaler", "ScaledObject"):
        target = scaler["spec"]["scaleTargetRef"]
        if target.get("apiVersion") != "apps/v1" or not release.find(target.get("kind", "Deployment"), target["name"]):
            yield f"{title(scaler)} scales nothing that is there"


@policy
def lag(release):
    """Each worker scales on all of its consumers, and on none that does not exist."""
    exist = topology.consumers(int(release.values["topology"]["partitions"]))
    for scaled in release.of("ScaledObject"):
        worker = component(scaled).removesuffix("-worker")
        triggers = [trigger["metadata"] for trigger in scaled["spec"]["triggers"]]
        used = [(trigger["stream"], trigger["consumer"]) for trigger in triggers]
        wanted = {pair for pair in exist if topology.role_of(pair[1]) == worker}
        for stream, consumer in set(used) - wanted:
            yield f"{title(scaled)}: consumer {consumer} of {stream} is not one of its worker"
        for stream, consumer in wanted - set(used):
            yield f"{title(scaled)}: consumer {consumer} of {stream} is not looked at"
        if len(used) != len(set(used)):
            yield f"{title(scaled)}: a consumer is looked at twice"
        monitoring = {(trigger["natsServerMonitoringEndpoint"], trigger["account"]) for trigger in triggers}
        nats = release.values["nats"]
        expected = (f"{nats_service(release)}.shop.svc:8222", "$G") if nats["enabled"] else (
            nats["external"]["monitoring"], nats["external"]["account"])
        if monitoring != {expected}:
            yield f"{title(scaled)}: asks {sorted(monitoring)} and not {expected}"
        for trigger in triggers:
            if not all(isinstance(value, str) for value in trigger.values()) or int(trigger["lagThreshold"]) < 1:
                yield f"{title(scaled)}: metadata of a trigger are not strings, or its threshold is not a number above 0"


def nats_service(release):
    return next((found["metadata"]["name"] for found in release.of("StatefulSet") if component(found) == "nats"), None)


@policy
def scaling_is_calm(release):
    for scaled in release.of("ScaledObject"):
        spec = scaled["spec"]
        if spec.get("minReplicaCount", 0) < 1:
            yield f"{title(scaled)} may scale to nothing"
        fallback = spec.get("fallback", {})
        if fallback.get("behavior") != "currentReplicasIfHigher" or fallback.get("replicas", 0) < 1:
            yield f"{title(scaled)} takes pods away when NATS does not answer"
        if any(trigger.get("metricType") != "AverageValue" for trigger in spec["triggers"]):
            yield f"{title(scaled)}: KEDA has a fallback for AverageValue only"
        down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        if down["stabilizationWindowSeconds"] < 60 or down["policies"] != [{"type": "Pods", "value": 1, "periodSeconds": 60}]:
            yield f"{title(scaled)} scales down in haste"


@policy
def budgets(release):
    """What has more than one pod, or may have, keeps most of them while nodes are drained, and can be drained."""
    for document in release.of("Deployment", "StatefulSet"):
        labels = document["spec"]["template"]["metadata"]["labels"]
        budgets = [budget for budget in release.of("PodDisruptionBudget")
                   if budget["spec"]["selector"]["matchLabels"].items() <= labels.items()]
        # One pod by design: a budget could only stand in the way.
        alone = component(document) in ("postgresql", "postgresql-exporter")
        if len(budgets) != (0 if alone else 1):
            yield f"{title(document)} has {len(budgets)} budgets"
    for budget in release.of("PodDisruptionBudget"):
        if budget["spec"].get("maxUnavailable", 0) < 1 or "minAvailable" in budget["spec"]:
            yield f"{title(budget)} lets no node be drained"
        if budget["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{title(budget)}: a pod that is not ready stands in the way of a drain"
