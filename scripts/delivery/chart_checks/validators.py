"""Other people's validators: Kubernetes' schemas, the models of custom resources, nats-server, checkov."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from . import routes, tools

# The oldest Kubernetes that the chart supports, and a new one.
KUBERNETES = ("1.33", "1.37")

MODELS = {
    ("keda.sh/v1alpha1", "ScaledObject"): "cloudcoil.models.keda.v1alpha1",
    ("monitoring.coreos.com/v1", "ServiceMonitor"): "cloudcoil.models.prometheus_operator.v1",
    ("monitoring.coreos.com/v1", "PrometheusRule"): "cloudcoil.models.prometheus_operator.v1",
}

# Nobody publishes models of these as a Python package; our own policies look at them.
WITHOUT_MODEL = {
    "ExternalSecret", "Gateway", "HTTPRoute", "HealthCheckPolicy", "GCPBackendPolicy",
    "Elasticsearch", "Kibana", "Logstash", "Beat",
}


def kubernetes(release):
    import kubernetes_validate
    from kubernetes_validate import utils

    if not hasattr(utils.schema_contents, "cache_info"):
        utils.schema_contents = functools.lru_cache(maxsize=None)(utils.schema_contents)
    for document in release.documents:
        kind, name = document["kind"], document["metadata"]["name"]
        if (document["apiVersion"], kind) in MODELS or kind in WITHOUT_MODEL:
            continue
        for version in KUBERNETES:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                path = ".".join(str(step) for step in error.path)
                yield f"{kind} {name} on {version}: {path}: {error.message}"
            except kubernetes_validate.SchemaNotFoundError:
                yield f"{kind} {name}: Kubernetes {version} has no {document['apiVersion']} {kind}"


def closed(schema):
    """The same schema, with unknown fields refused wherever fields are named."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if isinstance(result.get("properties"), dict) and "additionalProperties" not in result:
        result["additionalProperties"] = False
    return result


@functools.lru_cache(maxsize=None)
def model(api, kind):
    """The model's JSON schema. Importing the models takes seconds, so it is kept."""
    import jsonschema

    file = tools.CACHE / f"model-{tools.digest(tools.HERE / 'validators.txt')}-{kind}.json"
    if not file.exists():
        module = __import__(MODELS[api, kind], fromlist=[kind])
        schema = closed(getattr(module, kind).model_json_schema(by_alias=True))
        fresh = file.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(schema))
        fresh.rename(file)
    return jsonschema.Draft202012Validator(json.loads(file.read_text()))


def custom_resources(release):
    for document in release.documents:
        api, kind = document["apiVersion"], document["kind"]
        if (api, kind) not in MODELS:
            continue
        checked = document
        if kind == "ScaledObject":
            # The model is of KEDA 2.16, which has not got this field yet; 2.17 brought it.
            checked = json.loads(json.dumps(document))
            behavior = checked["spec"].get("fallback", {}).pop("behavior", "static")
            if behavior not in ("static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"):
                yield f"ScaledObject {document['metadata']['name']}: unknown fallback.behavior {behavior}"
        for error in model(api, kind).iter_errors(checked):
            yield f"{kind} {document['metadata']['name']}: {error.json_path}: {error.message}"


def nats_server(release, program):
    """nats-server reads each nats.conf, with an authorization file where the init container writes one."""
    environment = routes.environment(release, routes.PASSWORD)
    for document in release.of("ConfigMap"):
        text = document.get("data", {}).get("nats.conf")
        if text is None:
            continue
        with tempfile.TemporaryDirectory() as temp:
            for name, content in (("server/nats.conf", text),
                                  ("authorization/nats.conf", 'authorization { users = [ { user: a, password: "b" } ] }\n')):
                (Path(temp) / name).parent.mkdir()
                (Path(temp) / name).write_text(content)
            run = subprocess.run([program, "-t", "--config", f"{temp}/server/nats.conf"], text=True, capture_output=True,
                                 env={**os.environ, **environment, "POD_NAME": "nats-0"})
        if run.returncode != 0:
            yield f"nats.conf: {(run.stderr + run.stdout).strip()}"


# What checkov asks for and we do otherwise, with the reason.
CHECKOV_SKIPPED = {
    "CKV_K8S_11": "no CPU limits: a limit throttles a pod while its node is idle; requests share the CPU fairly",
    "CKV_K8S_15": "tags are versions and digests are given in production, so the image need not be pulled each time",
    "CKV_K8S_43": "digests are given by the pipeline; policy `digests` checks that they are then used",
    "CKV_K8S_21": "the namespace is the release's; checkov sees none",
    "CKV_K8S_8": "Jobs and their init containers have no liveness probe",
    "CKV_K8S_9": "Jobs and their init containers have no readiness probe",
}


def checkov(release, yaml):
    with tempfile.TemporaryDirectory() as temp:
        file = Path(temp) / "manifests.yaml"
        file.write_text(yaml.safe_dump_all(release.documents))
        environment = {**os.environ, "PYTHONPATH": str(tools.packages("checkov")), "LOG_LEVEL": "ERROR"}
        run = subprocess.run([sys.executable, "-m", "checkov.main", "--framework", "kubernetes", "--file", str(file),
                              "--output", "json", "--compact", "--quiet", "--skip-download",
                              "--skip-check", ",".join(CHECKOV_SKIPPED)],
                             text=True, capture_output=True, env=environment, timeout=600)
    try:
        report = json.loads(run.stdout)
    except ValueError:
        tools.fail(f"checkov did not report: {run.stderr or run.stdout}")
    if report.get("summary", report).get("passed", 0) == 0:
        yield "checkov passed no check at all: it saw nothing"
    for finding in report.get("results", {}).get("failed_checks", []):
        yield f"{finding['check_id']} {finding['check_name']}: {finding['resource']}"
