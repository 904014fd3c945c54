"""What an upgrade must leave alone, tried against a small stand-in of the Kubernetes API."""

import os
import shutil
import tempfile
from pathlib import Path

from . import cluster, tools
from .rendering import component


def upgrade(helm, documents, chart=tools.CHART):
    """What the chart renders to on an upgrade of a cluster that has these documents."""
    kinds = {(found["apiVersion"], found["kind"]) for found in helm.template("what there may be", [], {}).documents}
    with cluster.holding(documents, kinds) as config:
        environment = {**os.environ, "KUBECONFIG": config, "HOME": str(Path(config).parent)}
        return helm.template("an upgrade", [], {}, "--is-upgrade", "--dry-run=server", "--disable-openapi-validation",
                             "--skip-schema-validation", chart=chart, environment=environment)


def secrets(release):
    return {secret["metadata"]["name"]: secret["data"] for secret in release.of("Secret")}


def check(helm):
    """Yields what is wrong with upgrades."""
    first = helm.template("a first install", [], {})
    then = upgrade(helm, first.documents)
    if secrets(then) != secrets(first):
        yield "generated secrets change on an upgrade"
    job = next(found for found in then.of("Job") if component(found) == "setup")
    if job["metadata"].get("annotations", {}).get("helm.sh/hook") != "pre-upgrade":
        yield "migration does not come before an upgrade"

    # A first install that stopped before its servers were made: the hook would wait for them, and they for it.
    half = upgrade(helm, [found for found in first.documents if found["kind"] == "Secret"])
    job = next(found for found in half.of("Job") if component(found) == "setup")
    if "annotations" in job["metadata"]:
        yield "an upgrade of what was half installed waits for servers that it has not made yet"

    # A Secret of an earlier version lacks a key: it is added, and the others stay.
    older = [dict(found) for found in first.of("Secret")]
    older[0] = {**older[0], "data": dict(list(older[0]["data"].items())[1:])}
    added = secrets(upgrade(helm, older))[older[0]["metadata"]["name"]]
    if not older[0]["data"].items() <= added.items() or set(added) != set(first.of("Secret")[0]["data"]):
        yield "a key that is missing in a kept secret is not added, or others change"

    yield from can_fail(helm, first)


def can_fail(helm, first):
    """A chart that does not look secrets up must be found."""
    with tempfile.TemporaryDirectory() as temp:
        chart = Path(temp) / "tillstream"
        shutil.copytree(tools.CHART, chart)
        file = chart / "templates" / "secrets" / "generated.yaml"
        text = file.read_text()
        broken = text.replace('dig "data" dict (lookup "v1" "Secret" $.Release.Namespace $name)', "dict")
        if broken == text:
            yield "templates/secrets/generated.yaml no longer reads as the seeded mistake expects"
        file.write_text(broken)
        if secrets(upgrade(helm, first.documents, chart)) == secrets(first):
            yield "a chart that makes new secrets on every upgrade is not found"
