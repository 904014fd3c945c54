"""Chart and docker compose run the same versions of others' programs, and start the exporter of NATS alike."""

import re

from . import tools

# What the chart's values name → the image in docker compose. Elastic's are one version.
IMAGES = {"nats.image": "docker.io/library/nats", "postgresql.image": "docker.io/library/postgres",
          "monitoring.exporters.nats": "docker.io/natsio/prometheus-nats-exporter",
          "monitoring.exporters.postgresql": "quay.io/prometheuscommunity/postgres-exporter",
          "logging.curl": "docker.io/curlimages/curl"}
ELASTIC = ("elasticsearch/elasticsearch", "kibana/kibana", "logstash/logstash", "beats/filebeat")


def images(text):
    """Repository → tag of each image in a compose file."""
    return dict(re.findall(r"image: \$\{\w+:-([^:}]+):([^}]+)\}", text))


def differences(values, text):
    """What the values say otherwise than docker compose."""
    compose = images(text)
    for path, repository in IMAGES.items():
        given = values
        for key in path.split("."):
            given = given[key]
        if (given["repository"], str(given["tag"])) != (repository, compose.get(repository)):
            yield f"{path} is {given['repository']}:{given['tag']}, compose has {repository}:{compose.get(repository)}"
    for name in ELASTIC:
        found = compose.get(f"docker.elastic.co/{name}")
        if str(values["logging"]["version"]) != found:
            yield f"logging.version is {values['logging']['version']}, compose has {name}:{found}"


def options(arguments):
    return {argument for argument in arguments if argument.startswith("-")}


def check(helm):
    """Yields what differs."""
    text = "".join(file.read_text() for file in (tools.ROOT / "docker-compose.yml", *(tools.ROOT / "deploy/compose").glob("*.yml")))
    yield from differences(helm.defaults, text)
    for repository in IMAGES.values():
        tag = images(text).get(repository, "")
        if not list(differences(helm.defaults, text.replace(f"{repository}:{tag}", f"{repository}:0.0"))):
            yield f"another version of {repository} in docker compose is not found"
    service = helm.yaml.safe_load((tools.ROOT / "deploy/compose/monitoring.yml").read_text())["services"]["nats-exporter"]
    release = helm.template("with its exporter", [], {"monitoring": {"exporters": {"nats": {"enabled": True}}}})
    exporter = next(container for _, container in release.containers() if container["name"] == "exporter")
    if options(exporter["args"]) != options(service["command"]):
        yield f"the exporter of NATS is given {exporter['args']}, in compose {service['command']}"
