"""Brings docker-compose.yml up, sells through the proxy, scales, breaks things, restarts, and takes it down."""

import http.client
import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import images_engine as engines
from images_checks import PROGRAMS
from checking import ROOT

PROJECT = "tillstream-check"
WAIT = 180
STORE = "cafe0000-0000-8000-8001-000000000001"


MONITORING = "deploy/compose/monitoring.yml"
BASES = (
    ("docker-compose.yml", "PROXY_IMAGE", engines.proxy),
    ("docker-compose.yml", "POSTGRES_IMAGE", engines.postgres),
    ("docker-compose.yml", "NATS_IMAGE", engines.nats),
    (MONITORING, "BUSYBOX_IMAGE", engines.busybox),
    (MONITORING, "PROMETHEUS_IMAGE", engines.monitoring("prometheus")),
    (MONITORING, "ALERTMANAGER_IMAGE", engines.monitoring("prometheus-alertmanager")),
    (MONITORING, "NODE_EXPORTER_IMAGE", engines.monitoring("prometheus-node-exporter")),
    (MONITORING, "POSTGRES_EXPORTER_IMAGE", engines.monitoring("prometheus-postgres-exporter")),
)
# What is scraped of the services that are run here.
WATCHED = {"tillstream-edge", "tillstream-sales-worker", "tillstream-stock-worker", "tillstream-receipts-worker",
           "tillstream-identity-worker", "postgres", "node", "prometheus", "alertmanager"}


class Compose:
    """A project on an engine."""

    def __init__(self, engine, program):
        self.engine, self.program = engine, str(program)
        self.listen, self.prometheus, alertmanager = free_addresses(3)
        self.environment = {**engine.environment, "TILLSTREAM_VERSION": engines.VERSION, "COMPOSE_ANSI": "never",
                            "TILLSTREAM_LISTEN": self.listen, "PROMETHEUS_LISTEN": self.prometheus,
                            "ALERTMANAGER_LISTEN": alertmanager}

    def __call__(self, *arguments, check=True, timeout=600):
        run = subprocess.run([self.program, "--project-name", PROJECT, "--project-directory", str(ROOT),
                              "--file", str(ROOT / "docker-compose.yml"), *arguments],
                             env=self.environment, capture_output=True, text=True, timeout=timeout)
        if check and run.returncode != 0:
            raise OSError(f"docker compose {' '.join(arguments)}: {(run.stdout + run.stderr).strip()[-3000:]}")
        return run

    def up(self, *arguments):
        """Starts everything; returns after how many seconds all of it was well."""
        began = time.monotonic()
        run = self("--profile", "demo", "up", "--detach", "--no-build", "--pull", "never", *arguments, check=False)
        if run.returncode != 0:
            logs = self("logs", "--tail", "15", check=False).stdout
            raise OSError(f"docker compose up: {run.stderr.strip()[-500:]}\n{logs[-4000:]}")
        self.until("every service is well", lambda: not self.unwell())
        return time.monotonic() - began

    def containers(self, service=None):
        """State of every container, or of those of a service."""
        ids = self("ps", "--all", "--quiet", *([service] if service else [])).stdout.split()
        return json.loads(self.engine.docker("inspect", *ids).stdout) if ids else []

    def unwell(self):
        """What does not run, is not healthy, or has failed."""
        problems = []
        for container in self.containers():
            state, name = container["State"], container["Name"]
            if container["HostConfig"]["RestartPolicy"]["Name"] == "no":
                if state["Running"] or state["ExitCode"] != 0:
                    problems.append(f"{name}: {state['Status']} {state['ExitCode']}")
            elif state.get("Health", {}).get("Status") != "healthy":
                problems.append(f"{name}: {state['Status']} {state.get('Health', {}).get('Status')}")
        return problems

    def until(self, what, so, within=WAIT):
        give_up = time.monotonic() + within
        while not so():
            if time.monotonic() > give_up:
                logs = self("logs", "--tail", "15", check=False).stdout
                raise OSError(f"never: {what}: {self.unwell()}\n{logs[-4000:]}")
            time.sleep(0.5)

    def pos(self, *arguments, check=True):
        """The operator's tool, as docs/operations/compose.md says."""
        return self("run", "--rm", "--no-deps", "--no-TTY", "pos", *arguments, check=check)

    def smoke(self, wait="60s", check=True):
        return self.pos("smoke", "--url=http://proxy:8080", "--key=/var/lib/tillstream/secrets/tokens.ed25519",
                        f"--wait={wait}", check=check)

    def get(self, path, headers=None, data=None):
        """(status, body) through the proxy, from the host."""
        request = urllib.request.Request(f"http://{self.listen}{path}", data=data, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read()

    def token(self):
        key = "--key=/var/lib/tillstream/secrets/tokens.ed25519"
        return self.pos("token", key, "--valid=1h").stdout.strip()

    def secrets(self):
        """Every secret, by name."""
        volume = self.engine.docker("volume", "inspect", "--format", "{{.Mountpoint}}", f"{PROJECT}_secrets").stdout.strip()
        return {path.name: path.read_text().strip() for path in Path(volume).iterdir()
                if not path.name.endswith((".pub", ".conf"))}


def free_addresses(count):
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in held]
    for one in held:
        one.close()
    return addresses


def main(checks, program, folder):
    if why_not := engines.missing():
        checks.not_run(f"bringing it up: {why_not} is needed")
        return
    with engines.Engine(folder) as engine:
        for file, name, make in BASES:
            engine.base(next(filter(None, engines.default(file, name))), make)
        engines.programs(engine, PROGRAMS)
        for image in engine.stand_ins:
            checks.not_run(f"with the real {image}: a stand-in took its place")
        compose = Compose(engine, program)
        try:
            exercise(checks, compose)
        except OSError as failure:
            checks.expect("the run comes to its end", [str(failure)])
        finally:
            compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "30", check=False)
        checks.expect("`down -v` leaves nothing", left(engine))


def exercise(checks, compose):
    seconds = compose.up()
    print(f"compose: up and well after {seconds:.0f} s, from empty volumes", flush=True)
    checks.expect("it sells through the proxy", sells(compose))
    checks.expect("a sale that is not receipted is not taken for one", halted(compose))
    checks.expect("the proxy shows the API alone", shown(compose))
    checks.expect("events come at once through the proxy", events(compose))
    checks.expect("each reader has its own secrets, and they show nowhere", closed(compose))
    checks.expect("edge and workers scale, and none of them is missed", scaled(compose))
    checks.expect("a rollout under load is not noticed at the till", rolled(compose))
    checks.expect("a worker that dies is started again", killed(compose))
    checks.expect("sales go on while the database is away", outage(compose))
    checks.expect("Prometheus finds and scrapes every part, and Alertmanager", watched(compose))
    checks.not_run("Grafana, the NATS exporter and the profile logging, for there is nothing to stand in for them")
    checks.expect("a password that is taken away is made anew everywhere", rotated(compose))
    checks.expect("down and up again keeps what was sold, and the secrets", kept(compose))


def sells(compose):
    said = compose.smoke().stdout
    return [] if "receipt issued: number 1" in said and "stock moved" in said else [said]


def halted(compose):
    compose("pause", "receipts-worker")
    run = compose.smoke("4s", check=False)
    compose("unpause", "receipts-worker")
    compose.until("the worker is well again", lambda: not compose.unwell())
    return [] if run.returncode == 1 and "did not get through" in run.stderr else [f"{run.returncode} {run.stdout}{run.stderr}"]


def shown(compose):
    problems = []
    for path, expected in (("/openapi.json", 200), ("/docs/", 200), ("/v1/products", 401), ("/metrics", 404),
                           ("/readyz", 404), ("/livez", 404), ("/", 404), ("/v1x", 404), ("/v1/../metrics", 404)):
        status, body = compose.get(path)
        if status != expected or (status == 404 and b"/problems/" not in body):
            problems.append(f"{path} answers {status}: {body[:200]}")
    status, body = compose.get("/v1/sales", {"Content-Type": "application/json"}, b" " * 262145)
    if status != 413:
        problems.append(f"a body of 256 KiB and one byte is answered {status}")
    return problems


def events(compose):
    """Follows /v1/events, sells, and measures when the event of the sale comes."""
    host, port = compose.listen.split(":")
    stream = http.client.HTTPConnection(host, int(port), timeout=20)
    stream.request("GET", "/v1/events", headers={"Authorization": f"Bearer {compose.token()}"})
    answer = stream.getresponse()
    if answer.status != 200:
        return [f"/v1/events answers {answer.status}"]
    compose.smoke()
    began = time.monotonic()
    kinds = set()
    while not {"sale.recorded", "receipt.issued"} <= kinds:
        line = answer.readline().decode()
        if found := re.match(r"event: ?(\w+\.\w+)", line):
            kinds.add(found[1])
        if time.monotonic() - began > 15:
            return [f"only {kinds} came"]
    stream.close()
    # The command above returns after the sale: what is not held back is here by then.
    waited = time.monotonic() - began
    return [] if waited < 2 else [f"the events came {waited:.1f} s after the sale"]


def closed(compose):
    problems = []
    secrets = compose.secrets()
    if len(secrets) != 15 or len(set(secrets.values())) != 15:
        problems.append(f"{len(secrets)} secrets, {len(set(secrets.values()))} different")
    inspected = json.dumps(compose.containers())
    logs = compose("logs", "--no-color").stdout
    configuration = compose("--profile", "*", "config").stdout
    for place, text in (("docker inspect", inspected), ("the logs", logs), ("docker compose config", configuration)):
        problems += [f"{name} shows in {place}" for name, secret in secrets.items() if secret in text]
    for container in compose.containers():
        host = container["HostConfig"]
        if not host["ReadonlyRootfs"] or host["CapDrop"] != ["ALL"] or not host["Memory"] or not host["PidsLimit"]:
            problems.append(f"{container['Name']} is not closed: {host['ReadonlyRootfs']} {host['CapDrop']} {host['Memory']}")
    return problems


def scaled(compose):
    """Under load, with two edges and three sales workers, one edge and one worker are killed."""
    compose.up("--scale", "edge=2", "--scale", "sales-worker=3", "--no-recreate")
    compose.until("the proxy has two edges", lambda: edges(compose) == 2, 30)
    tills = selling(compose, "--concurrency=8", "--seconds=20", "--until=receipt")
    time.sleep(6)
    crash(compose.containers("edge")[0])
    time.sleep(3)
    crash(compose.containers("sales-worker")[0])
    said, complained = tills.communicate(timeout=180)
    problems = [] if tills.returncode == 0 else [f"the tills ended with {tills.returncode}: {complained[-500:]} {said[-1500:]}"]
    print(f"compose: tills said: {summary(said)}", flush=True)
    compose.until("what was killed is back", lambda: not compose.unwell() and edges(compose) == 2)
    busy = [container["Name"] for container in compose.containers("sales-worker")
            if json_log_lines(compose, container["Id"]) == 0]
    return problems + [f"{name} logs no JSON" for name in busy]


def selling(compose, *options):
    """Tills that sell through the proxy, in a container of their own."""
    return subprocess.Popen(
        [compose.program, "--project-name", PROJECT, "--project-directory", str(ROOT), "--file",
         str(ROOT / "docker-compose.yml"), "run", "--rm", "--no-deps", "--no-TTY", "pos", "load", "--url=http://proxy:8080",
         f"--token={compose.token()}", *options, "--allow-remote", "--json"],
        env=compose.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def rolled(compose):
    """At 300 sales a second, every edge and every worker is restarted, one after the other, as a rollout does."""
    workers = [f"{kind}-worker" for kind in ("sales", "stock", "receipts", "identity")]
    scale = [argument for worker in workers for argument in ("--scale", f"{worker}=2")]
    compose.up("--scale", "edge=2", *scale, "--no-recreate")
    before = log_bytes(compose)
    tills = selling(compose, "--rate=300", "--seconds=100")
    time.sleep(3)
    began, slowest = time.monotonic(), {}
    for service in ("edge", *workers):
        for container in compose.containers(service):
            compose.engine.docker("restart", "--time", "45", container["Id"])
            up = time.monotonic()
            compose.until(f"{service} is back", lambda one=container: healthy(compose, one))
            if service == "edge":
                compose.until("the proxy has it back", lambda: edges(compose) == 2, 30)
            slowest[service] = round(max(slowest.get(service, 0), time.monotonic() - up), 1)
    rolling = time.monotonic() - began
    said, complained = tills.communicate(timeout=240)
    print(f"compose: rolled in {rolling:.0f} s; seconds until healthy again, at the most: {slowest}", flush=True)
    print(f"compose: tills said: {summary(said)}", flush=True)
    try:
        report = json.loads(said)
    except ValueError:
        return [f"the tills ended with {tills.returncode}: {complained[-1000:]}"]
    print(f"compose: {(log_bytes(compose) - before) / report['acknowledged']:.1f} KB of log for 1,000 sales", flush=True)
    problems = [] if rolling < 95 else [f"the tills had gone home: rolling took {rolling:.0f} s"]
    troubles = {key: report[key] for key in ("refused", "given_up", "unrecorded", "errors") if report[key]}
    return problems + ([f"tills had trouble: {troubles}"] if troubles else [])


def healthy(compose, container):
    state = json.loads(compose.engine.docker("inspect", container["Id"]).stdout)[0]["State"]
    return state["Running"] and state["Health"]["Status"] == "healthy"


def log_bytes(compose):
    """What our own parts have logged so far."""
    parts = [container for service in ("edge", "sales-worker", "stock-worker", "receipts-worker", "identity-worker")
             for container in compose.containers(service)]
    return sum(os.path.getsize(container["LogPath"]) for container in parts)


def summary(said):
    try:
        report = json.loads(said)
    except ValueError:
        return said[-500:]
    return {key: report[key] for key in report if not isinstance(report[key], (dict, list))} | \
           {key: report[key] for key in ("outcomes", "troubles") if key in report}


def edges(compose):
    """How many edges the proxy holds for well, by its own metrics."""
    proxy = compose.containers("proxy")[0]
    address = next(network["IPAddress"] for network in proxy["NetworkSettings"]["Networks"].values())
    with urllib.request.urlopen(f"http://{address}:8404/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return len(re.findall(r'haproxy_server_status\{proxy="edge",server="\w+",state="UP"\} 1', text))


def crash(container):
    """As a fault in the program would end it; `docker kill` would count as wished for."""
    os.kill(container["State"]["Pid"], 9)


def json_log_lines(compose, container):
    lines = compose.engine.docker("logs", container).stdout.splitlines()
    return sum(1 for line in lines if line.startswith("{") and json.loads(line))


def killed(compose):
    before = compose.containers("stock-worker")[0]
    crash(before)
    compose.until("the worker is started again",
                  lambda: compose.containers("stock-worker")[0]["RestartCount"] > before["RestartCount"])
    compose.until("all is well", lambda: not compose.unwell())
    return sells_again(compose)


def sells_again(compose):
    run = compose.smoke(check=False)
    return [] if run.returncode == 0 else [f"{run.stdout}{run.stderr}"]


def outage(compose):
    """The edge takes sales without PostgreSQL, and nothing restarts in a loop."""
    token = compose.token()
    compose("stop", "--timeout", "60", "postgres")
    sale = json.dumps({"store": STORE, "register": STORE.replace("8001", "8002"), "currency": "EUR",
                       "lines": [{"product": STORE.replace("8001", "8003"), "quantity": "1"}],
                       "payments": [{"method": "cash", "tendered": 10000}]}).encode()
    key = "0d0d0d0d-0000-4000-8000-00000000000d"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": key,
               "Prefer": "respond-async"}
    status, body = compose.get("/v1/sales", headers, sale)
    problems = [] if status == 202 else [f"a sale is answered {status}: {body}"]
    restarts = sum(container["RestartCount"] for container in compose.containers())
    time.sleep(10)
    again = sum(container["RestartCount"] for container in compose.containers()) - restarts
    if again:
        problems.append(f"{again} containers were restarted because the database was away")
    compose.up("--scale", "edge=2", "--scale", "sales-worker=3", "--no-recreate")
    show = {"Authorization": f"Bearer {token}"}
    compose.until("the sale is recorded", lambda: compose.get(f"/v1/sales/{key}", show)[0] == 200, 60)
    return problems


def watched(compose):
    """The profile `monitoring`, as far as Debian has its programs."""
    compose("--profile", "monitoring", "up", "--detach", "--no-build", "--pull", "never", "--no-recreate",
            "prometheus", "alertmanager", "node-exporter", "postgres-exporter")
    found = {}

    def all_up():
        with urllib.request.urlopen(f"http://{compose.prometheus}/api/v1/targets", timeout=10) as answer:
            targets = json.load(answer)["data"]["activeTargets"]
        found.clear()
        for target in targets:
            found.setdefault(target["labels"]["job"], []).append(target["health"])
        return (all(set(found.get(job, ["none"])) == {"up"} for job in WATCHED)
                and len(found["tillstream-edge"]) == 2 and len(found["tillstream-sales-worker"]) == 3)

    compose.until("all is well", lambda: not compose.unwell())
    try:
        compose.until("Prometheus scrapes every part", all_up, 90)
    except OSError as failure:
        return [f"{found}: {str(failure)[:300]}"]
    with urllib.request.urlopen(f"http://{compose.prometheus}/api/v1/rules", timeout=10) as answer:
        groups = json.load(answer)["data"]["groups"]
    with urllib.request.urlopen(f"http://{compose.prometheus}/api/v1/alertmanagers", timeout=10) as answer:
        managers = json.load(answer)["data"]["activeAlertmanagers"]
    bad = [rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"]
    return [f"rule {name} fails" for name in bad] + ([] if groups else ["there are no rules"]) + \
           ([] if managers else ["Prometheus knows no Alertmanager"])


def rotated(compose):
    """What docs/operations/compose.md says about changing a password."""
    before = compose.secrets()
    volume = compose.engine.docker("volume", "inspect", "--format", "{{.Mountpoint}}", f"{PROJECT}_secrets").stdout.strip()
    for name in ("nats-sales", "postgres-stock"):
        (Path(volume) / name).unlink()
    compose.up("--force-recreate")
    changed = {name for name, secret in compose.secrets().items() if secret != before[name]}
    problems = [] if changed == {"nats-sales", "postgres-stock"} else [f"these changed: {sorted(changed)}"]
    return problems + sells_again(compose)


def kept(compose):
    secrets = compose.secrets()
    key = "0d0d0d0d-0000-4000-8000-00000000000d"
    show = {"Authorization": f"Bearer {compose.token()}"}
    before = compose.get(f"/v1/sales/{key}/receipt", show)
    compose("--profile", "demo", "--profile", "monitoring", "down", "--timeout", "60")
    seconds = compose.up()
    print(f"compose: up and well after {seconds:.0f} s, with what was there", flush=True)
    problems = [] if before[0] == 200 and compose.get(f"/v1/sales/{key}/receipt", show) == before else ["the receipt is not what it was"]
    if compose.secrets() != secrets:
        problems.append("the secrets are not what they were")
    return problems + sells_again(compose)


def left(engine):
    problems = []
    for kind in ("container", "volume", "network"):
        every = ["--all"] if kind == "container" else []
        found = engine.docker(kind, "ls", *every, "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}").stdout
        problems += [f"{kind} {name}" for name in found.split()]
    return problems
