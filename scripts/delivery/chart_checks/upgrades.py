"""What an upgrade must leave alone, tried against a small stand-in of the Kubernetes API."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from . import cluster, tools
from .rendering import NAMESPACE, RELEASE, component


def ready(documents, of=1):
    """The documents as a cluster has them after a while: so many of each StatefulSet's pods are ready."""
    return [{**found, "status": {"readyReplicas": of}} if found["kind"] == "StatefulSet" else found for found in documents]


def claims(count):
    return [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": f"data-tillstream-nats-{number}"}}
            for number in range(count)]


def upgrade(helm, documents, chart=tools.CHART):
    """What the chart renders to on an upgrade of a cluster that has these documents."""
    with asking(helm, documents) as (arguments, environment):
        return helm.template("an upgrade", [], {}, *arguments, chart=chart, environment=environment)


def refusal(helm, documents, values, chart=tools.CHART):
    """Why the chart refuses these values for a cluster that has these documents, or None."""
    with asking(helm, documents) as (arguments, environment):
        worked, text = helm.run("template", RELEASE, str(chart), "--namespace", NAMESPACE, *arguments, values=values,
                                environment=environment)
    return None if worked else text


@contextlib.contextmanager
def asking(helm, documents):
    """(arguments, environment) with which helm looks into a cluster that has these documents."""
    kinds = {(found["apiVersion"], found["kind"]) for found in helm.template("what there may be", [], {}).documents}
    with cluster.holding(documents, kinds) as config:
        yield (("--is-upgrade", "--dry-run=server", "--disable-openapi-validation", "--skip-schema-validation"),
               {**os.environ, "KUBECONFIG": config, "HOME": str(Path(config).parent)})


def secrets(release):
    return {secret["metadata"]["name"]: secret["data"] for secret in release.of("Secret")}


def check(helm):
    """Yields what is wrong with upgrades."""
    first = helm.template("a first install", [], {})
    then = upgrade(helm, ready(first.documents))
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

    # Servers that are there and do not run: the upgrade may be what repairs them.
    job = next(found for found in upgrade(helm, ready(first.documents, of=0)).of("Job") if component(found) == "setup")
    if "annotations" in job["metadata"]:
        yield "an upgrade that is to repair a server waits for that server first"

    yield from numbers_of_servers(helm)

    # A Secret of an earlier version lacks a key: it is added, and the others stay.
    older = [dict(found) for found in first.of("Secret")]
    older[0] = {**older[0], "data": dict(list(older[0]["data"].items())[1:])}
    added = secrets(upgrade(helm, older))[older[0]["metadata"]["name"]]
    if not older[0]["data"].items() <= added.items() or set(added) != set(first.of("Secret")[0]["data"]):
        yield "a key that is missing in a kept secret is not added, or others change"

    yield from can_fail(helm, first)


def numbers_of_servers(helm, chart=tools.CHART):
    """A single server's volume is not given to a cluster, nor a cluster's to a single server."""
    for there, wanted, words in ((1, 3, "is that of a single NATS server"), (3, 1, "is that of a cluster of NATS servers"),
                                 (0, 3, None), (1, 1, None), (3, 3, None)):
        said = refusal(helm, claims(there), {"nats": {"replicas": wanted}}, chart)
        if (said is None) != (words is None) or (words and words not in said):
            yield f"from the volumes of {there} NATS servers to {wanted}: {said or 'not refused'}"


def can_fail(helm, first):
    """A chart that does not look secrets, readiness or volumes up must be found."""
    with spoilt("secrets/generated.yaml", 'dig "data" dict (lookup "v1" "Secret" $.Release.Namespace $name)', "dict") as chart:
        if secrets(upgrade(helm, first.documents, chart)) == secrets(first):
            yield "a chart that makes new secrets on every upgrade is not found"
    with spoilt("setup/_setup.tpl", 'dig "status" "readyReplicas" 0 $found', "1") as chart:
        job = next(found for found in upgrade(helm, ready(first.documents, of=0), chart).of("Job") if component(found) == "setup")
        if "annotations" not in job["metadata"]:
            yield "a hook that waits for what does not run is not found"
    with spoilt("_checks.tpl", "$one (not $more)", "$one $more") as chart:
        if not list(numbers_of_servers(helm, chart)):
            yield "a cluster on a single server's volume is not found"


@contextlib.contextmanager
def spoilt(template, text, by):
    """A copy of the chart with a mistake in a template."""
    with tempfile.TemporaryDirectory() as temp:
        chart = Path(temp) / "tillstream"
        shutil.copytree(tools.CHART, chart)
        file = chart / "templates" / template
        if text not in file.read_text():
            tools.fail(f"templates/{template} no longer reads as the seeded mistake expects")
        file.write_text(file.read_text().replace(text, by))
        yield chart
