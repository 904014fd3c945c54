"""The rendered nats.conf, permissions, Job and ScaledObjects, tried together on a real nats-server on this machine."""

import contextlib
import json
import os
import re
import secrets
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from . import programs, tools, topology
from .rendering import component, merged

PARTITIONS = 2
VALUES = {"topology": {"partitions": PARTITIONS, "commandsMaxBytes": 1 << 26, "eventsMaxBytes": 1 << 26, "deadMaxBytes": 1 << 20},
          "nats": {"storage": {"size": "1Gi"}}}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run(program, arguments):
    done = subprocess.run([str(program), *arguments], text=True, capture_output=True, timeout=120)
    if done.returncode != 0:
        tools.fail(f"{program.name} {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def server(program, release, pos, folder):
    """Starts nats-server as the StatefulSet does, with other ports and folders; yields both ports."""
    nats = next(found for found in release.of("StatefulSet") if component(found) == "nats")
    init = nats["spec"]["template"]["spec"]["initContainers"][0]
    arguments = [argument.replace("/etc/tillstream/secrets", f"{folder}/secrets") for argument in init["args"]]
    # What it would write into the pod's volume is read here.
    arguments = arguments[:arguments.index("--out")]
    for name in ("server", "authorization", "secrets", "data"):
        (folder / name).mkdir()
    for role in ("edge", "sales", "stock", "receipts", "identity", "operator"):
        (folder / "secrets" / f"nats-{role}").write_text(secrets.token_hex(32))
    (folder / "authorization" / "nats.conf").write_text(run(pos, arguments))

    client, monitor = free_port(), free_port()
    text = next(found["data"]["nats.conf"] for found in release.of("ConfigMap") if "nats.conf" in found["data"])
    for ours, here in (("port: 4222", f"host: 127.0.0.1\nport: {client}"), ("http_port: 8222", f"http: 127.0.0.1:{monitor}"),
                       ("/data", f"{folder}/data"), ("/run/nats", str(folder))):
        if ours not in text:
            tools.fail(f"nats.conf has no {ours!r}")
        text = text.replace(ours, here)
    (folder / "server" / "nats.conf").write_text(text)
    process = subprocess.Popen([program, "--config", str(folder / "server" / "nats.conf")], env={**os.environ, "POD_NAME": "nats-0"},
                               stdout=(folder / "log").open("w"), stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 30
        while not answers(f"http://127.0.0.1:{monitor}/healthz"):
            if time.monotonic() > deadline or process.poll() is not None:
                tools.fail(f"nats-server did not start: {(folder / 'log').read_text()}")
            time.sleep(0.1)
        yield client, monitor
    finally:
        process.terminate()
        process.wait(timeout=60)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def lag(monitor, trigger):
    """What KEDA's scaler computes from the answer to its question, or why it cannot."""
    url = f"http://127.0.0.1:{monitor}/jsz?acc={trigger['account']}&consumers=true&config=true"
    with urllib.request.urlopen(url, timeout=5) as answer:
        accounts = json.load(answer).get("account_details", [])
    for account in accounts:
        for stream in account.get("stream_detail", []) if account["name"] == trigger["account"] else []:
            for consumer in stream.get("consumer_detail", []) if stream["name"] == trigger["stream"] else []:
                if consumer["name"] == trigger["consumer"]:
                    return consumer["num_pending"] + consumer["num_ack_pending"]
    return f"KEDA finds no consumer {trigger['consumer']} of {trigger['stream']} in account {trigger['account']}"


def check(helm):
    """Yields what is wrong."""
    pos, program = programs.built("pos"), tools.services().get("nats_server")
    if not (pos and program):
        print("NOT RUN: the Job's topology on a real nats-server (it needs pos built, and scripts/services)")
        return
    values = merged(VALUES, {"workers": {"settings": {"database": {"max_connections": 7}}}, "postgresql": {"maxConnections": 300}})
    release = helm.template("a broker", [], values)
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        with server(program, release, pos, folder) as (client, monitor):
            job = next(found for found in release.of("Job") if component(found) == "setup")
            (folder / "limits.toml").write_text(next(found["data"]["limits.toml"] for found in release.of("ConfigMap")
                                                     if "limits.toml" in found["data"]))
            arguments = [re.sub("^nats://.*", f"nats://127.0.0.1:{client}", argument)
                         .replace("/etc/tillstream/secrets", f"{folder}/secrets").replace("/etc/tillstream/limits", str(folder))
                         for argument in job["spec"]["template"]["spec"]["containers"][0]["args"]]
            run(pos, arguments)
            if "agrees" not in run(pos, arguments).splitlines()[0]:
                yield "the Job's topology is not in place after it has run"
            triggers = [trigger["metadata"] for scaled in release.of("ScaledObject") for trigger in scaled["spec"]["triggers"]]
            if len(triggers) != len(topology.consumers(PARTITIONS)):
                yield f"there are {len(triggers)} triggers"
            for trigger in triggers:
                if (found := lag(monitor, trigger)) != 0:
                    yield f"lag of {trigger['consumer']} on {trigger['stream']}: {found}"
            if lag(monitor, {**triggers[0], "consumer": "nobody"}) == 0:
                yield "a consumer that is not there is not found missing"
