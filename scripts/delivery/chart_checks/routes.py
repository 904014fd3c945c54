"""Three real nats-servers with the rendered nats.conf: those with the same password for routes find each other."""

import json
import os
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from .rendering import component

# A password that NATS would take for a number, were it not in quotes.
PASSWORD = "1e5" + "0" * 61
OTHER = "f" * 64


def environment(release, password):
    """What a server's container gets besides its name, with the Secret's value put in as Kubernetes does."""
    for found in release.of("StatefulSet"):
        if component(found) == "nats":
            entries = found["spec"]["template"]["spec"]["containers"][0]["env"]
            return {entry["name"]: entry["value"].replace("$(ROUTES_SECRET)", password) for entry in entries if "value" in entry}
    return {}


def peers(helm, program, passwords, free_port):
    """How many others each server has found after a while, by the password that it was given."""
    release = helm.template("three servers", [], {"nats": {"replicas": 3}})
    text = next(found["data"]["nats.conf"] for found in release.of("ConfigMap") if "nats.conf" in found["data"])
    ports = [(free_port(), free_port(), free_port()) for _ in passwords]
    running = []
    with tempfile.TemporaryDirectory() as temp:
        try:
            for number, (password, (client, monitor, cluster)) in enumerate(zip(passwords, ports)):
                folder = Path(temp) / str(number)
                for name in ("server", "authorization"):
                    (folder / name).mkdir(parents=True)
                (folder / "authorization" / "nats.conf").write_text('authorization { users = [ { user: a, password: "b" } ] }\n')
                mine = text
                for ours, here in (("port: 4222", f"host: 127.0.0.1\nport: {client}"), ("http_port: 8222", f"http: 127.0.0.1:{monitor}"),
                                   ("port: 6222", f"listen: 127.0.0.1:{cluster}"), ("/data", f"{folder}/data"), ("/run/nats", str(folder))):
                    mine = mine.replace(ours, here)
                (folder / "server" / "nats.conf").write_text(mine)
                given = environment(release, password)
                for other, (_, _, port) in enumerate(ports):
                    given["ROUTES"] = given["ROUTES"].replace(f"tillstream-nats-{other}.tillstream-nats.shop.svc:6222", f"127.0.0.1:{port}")
                running.append(subprocess.Popen([program, "--config", str(folder / "server" / "nats.conf")], stderr=subprocess.DEVNULL,
                                                env={**os.environ, **given, "POD_NAME": f"nats-{number}"}))
            time.sleep(6)
            return [len({route["remote_name"] for route in routes(monitor)}) for _, monitor, _ in ports]
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(timeout=60)


def routes(monitor):
    with urllib.request.urlopen(f"http://127.0.0.1:{monitor}/routez", timeout=5) as answer:
        return json.load(answer).get("routes") or []


def check(helm, program, free_port):
    """Yields what is wrong, and what this check would not find."""
    if (found := peers(helm, program, [PASSWORD] * 3, free_port)) != [2, 2, 2]:
        yield f"three NATS servers with one password find {found} others"
    if (found := peers(helm, program, [PASSWORD, PASSWORD, OTHER], free_port)) != [1, 1, 0]:
        yield f"a NATS server with another password is let in: {found}"
