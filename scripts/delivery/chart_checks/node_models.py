"""Models that are published for Node.js only: Gateway API, GKE, External Secrets, Elastic, and a newer KEDA than Python has."""

import copy
import json
import shutil
import subprocess

from . import tools

FOLDER = tools.HERE / "models"
FILES = ("package.json", "package-lock.json", "check.mjs")
GROUPS = ("k8s.elastic.co", "external-secrets.io", "gateway.networking.k8s.io", "networking.gke.io", "keda.sh")


def install(folder):
    for name in FILES:
        shutil.copy(FOLDER / name, folder)
    if subprocess.run(["npm", "ci", "--ignore-scripts", "--silent"], cwd=folder).returncode != 0:
        tools.fail("the models could not be had (npm says why above): it needs the network once")


def check(release, folder):
    """Complaints of the models about a rendering."""
    documents = [document for document in release.documents if document["apiVersion"].split("/")[0].endswith(GROUPS)]
    run = subprocess.run(["node", "check.mjs"], cwd=folder, input=json.dumps(documents), text=True, capture_output=True)
    if run.returncode != 0:
        tools.fail(f"the models could not be asked: {run.stderr}")
    return [f"{release.name}: {line}" for line in run.stdout.splitlines()]


# A kind, and a change of its spec that its model must find.
MISTAKES = {
    "HTTPRoute": lambda spec: spec["rules"][0]["filters"][0].update(type="Redirect"),
    "Gateway": lambda spec: spec["listeners"][0].update(port="http"),
    "HealthCheckPolicy": lambda spec: spec["default"]["config"]["httpHealthCheck"].update(portSpecification="FIXED"),
    "GCPBackendPolicy": lambda spec: spec["default"].update(timeoutSec="1h"),
    "ExternalSecret": lambda spec: spec["target"].update(creationPolicy="Mine"),
    "ScaledObject": lambda spec: spec["fallback"].update(behavior="more"),
    "Elasticsearch": lambda spec: spec["nodeSets"][0].update(count="three"),
    "Kibana": lambda spec: spec.update(count="one"),
    "Logstash": lambda spec: spec.update(version=9),
    "Beat": lambda spec: spec.pop("type"),
}


def run(helm):
    """Yields what is wrong; each kind is in one of these renderings."""
    from .rendering import PROFILES, VARIATIONS, merged

    if not (shutil.which("node") and shutil.which("npm")):
        print("NOT RUN: models of Gateway, GKE, External Secrets and Elastic resources (they need node and npm)")
        return
    folder = tools.kept("models", "".join((FOLDER / name).read_text() for name in FILES), install)
    files, given = PROFILES["gke"]
    everything = merged(given, merged(VARIATIONS["gateway"], VARIATIONS["logging"]))
    releases = [helm.template("gke with logging", files, merged(everything, VARIATIONS["web"])),
                helm.template("gateway of others", [], VARIATIONS["gateway of others"]),
                helm.template("gateway with certificate", [], VARIATIONS["gateway with certificate"]),
                helm.template("partitions", [], VARIATIONS["partitions"])]
    for release in releases:
        yield from check(release, folder)
    for kind, change in MISTAKES.items():
        documents = copy.deepcopy(releases[0].documents)
        wrong = next((document for document in documents if document["kind"] == kind), None)
        if wrong is None:
            yield f"no {kind} was rendered, so its model has seen none"
            continue
        change(wrong["spec"])
        if not check(releases[0].altered(documents), folder):
            yield f"a mistake in {kind} is not found by its model"
