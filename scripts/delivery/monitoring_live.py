"""A real Prometheus and Alertmanager with our rules and routes: something is stopped, the alert arrives at a receiver,
it goes on, and the end of the alert arrives too.

What is scraped is a running system, or, without one, an exporter here that plays it."""

import contextlib
import http.server
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
import uuid
from pathlib import Path

import yaml

import debian
from checking import ROOT
from monitoring_alertmanager import PROMETHEUS, local_config
from monitoring_checks import ALERTS, JOBS
from monitoring_servers import alertmanager_arguments, free_port, get, running, wait_for

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def quicker(duration, speed):
    """A duration such as 10m, divided."""
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h|d)", duration).groups()
    return f"{max(1, round(int(number) * UNITS[unit] * 1000 / speed))}ms"


def quicker_rules(text, speed):
    """Rules in which all windows and waiting times are divided; thresholds stay."""
    text = re.sub(r"(?<=\bfor: )\w+|(?<=\binterval: )\w+", lambda found: quicker(found[0], speed), text)
    return re.sub(r"\[(\w+)\]", lambda found: f"[{quicker(found[1], speed)}]", text)


class Receiver(http.server.ThreadingHTTPServer):
    """Takes what Alertmanager sends."""

    daemon_threads = True

    def __init__(self):
        self.got = []
        super().__init__(("127.0.0.1", 0), Taking)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, name):
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def has(self, receiver, alert, status, since=0):
        return any(path == f"/{receiver}" and at >= since and entry["labels"]["alertname"] == alert
                   and entry["status"] == status for at, path, entry in list(self.got))

    def pages(self, since):
        """The names of the alerts that came as pages since then."""
        return {entry["labels"]["alertname"] for at, path, entry in list(self.got)
                if path == "/page-url" and at >= since and entry["status"] == "firing"}


class Taking(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got += [(time.monotonic(), self.path, entry) for entry in body["alerts"]]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Exporter(http.server.ThreadingHTTPServer):
    """Serves /NAME by a function that gives the text."""

    daemon_threads = True

    def __init__(self, pages):
        self.pages = pages
        super().__init__(("127.0.0.1", 0), Showing)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Showing(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            text = self.server.pages[self.path.lstrip("/")]().encode()
        except Exception as error:  # whatever it is, the scrape fails and says why
            self.send_error(503, str(error))
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Actor:
    """Plays a system whose receipts worker can be stopped: it still answers, and takes nothing."""

    def __init__(self, speed):
        self.speed, self.begun, self.stopped, self.held = speed, time.monotonic(), None, 0.0

    def elapsed(self):
        return (time.monotonic() - self.begun) * self.speed

    def stop(self):
        self.stopped = self.elapsed()

    def resume(self):
        self.held += self.elapsed() - self.stopped
        self.stopped = None

    def age(self):
        return 0 if self.stopped is None else self.elapsed() - self.stopped

    def worker(self):
        return (f'tillstream_build_info{{version="0.1.0"}} 1\ntillstream_ready{{check="nats"}} 1\n'
                f'tillstream_consumer_oldest_pending_seconds{{consumer="receipts",stream="EVENTS_0"}} {self.age()}\n'
                f'tillstream_audit_last_run_timestamp_seconds{{what="chain"}} {time.time()}\n'
                f'tillstream_audit_last_run_timestamp_seconds{{what="stock"}} {time.time()}\n')

    def nats(self):
        labels = '{stream_name="EVENTS_0",consumer_name="receipts"}'
        done = int(10 * (self.elapsed() - self.held - self.age()))
        return (f"jetstream_consumer_num_pending{labels} {int(10 * self.age()) + 3}\n"
                f"jetstream_consumer_num_ack_pending{labels} 1\n"
                f"jetstream_consumer_ack_floor_stream_seq{labels} {done}\n"
                'gnatsd_healthz_status_value{server_id="n0",value="ok"} 1\n')

    def pages(self):
        workers = {job: self.worker for job in JOBS if job.startswith("tillstream-")}
        return {**workers, "nats": self.nats, "postgres": lambda: "pg_up 1\n"}


def nats_page(monitor):
    """What the NATS exporter would show of consumers and streams, from the monitoring port of a nats-server."""
    def page():
        lines = []
        healthy = json.loads(get(f"{monitor}/healthz"))["status"] == "ok"
        lines.append(f'gnatsd_healthz_status_value{{server_id="{monitor}",value="ok"}} {int(healthy)}')
        for account in json.loads(get(f"{monitor}/jsz?consumers=true&config=true")).get("account_details", []):
            for stream in account.get("stream_detail", []):
                labels = f'stream_name="{stream["name"]}"'
                lines.append(f'jetstream_stream_total_bytes{{{labels}}} {stream["state"]["bytes"]}')
                lines.append(f'jetstream_stream_limit_bytes{{{labels}}} {stream["config"]["max_bytes"]}')
                lines += [line for consumer in stream.get("consumer_detail") or []
                          for line in consumer_lines(labels, consumer)]
        return "\n".join(lines) + "\n"
    return page


def consumer_lines(labels, consumer):
    labels = f'{{{labels},consumer_name="{consumer["name"]}"}}'
    yield f'jetstream_consumer_num_pending{labels} {consumer["num_pending"]}'
    yield f'jetstream_consumer_num_ack_pending{labels} {consumer["num_ack_pending"]}'
    yield f'jetstream_consumer_ack_floor_stream_seq{labels} {consumer["ack_floor"]["stream_seq"]}'


def prometheus_config(jobs, rules, alertmanager, speed):
    """Our configuration, with the given targets in place of those of compose. A job is (targets, path)."""
    config = yaml.safe_load((ROOT / PROMETHEUS).read_text())
    config["global"] = {key: quicker(value, speed) for key, value in config["global"].items()}
    config["rule_files"] = [f"{rules}/*.yml"]
    config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    config["scrape_configs"] = [{"job_name": job, "metrics_path": path, "static_configs": [{"targets": targets}]}
                                for job, (targets, path) in jobs.items()]
    return config


@contextlib.contextmanager
def watching(jobs, receiver, speed):
    """Prometheus and Alertmanager that watch the jobs; gives the address of Prometheus."""
    with tempfile.TemporaryDirectory(prefix="watch-") as temp:
        folder = Path(temp)
        rules = folder / "rules"
        rules.mkdir()
        for path in (ROOT / ALERTS).glob("*.yml"):
            text = path.read_text()
            (rules / path.name).write_text(quicker_rules(text, speed) if speed != 1 else text)
        alerts = local_config(ROOT, {name: receiver.url(name) for name in ("page-url", "ticket-url", "watchdog-url")})
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(quicker_routes(alerts, speed)))
        ports = free_port(), free_port()
        (folder / "prometheus.yml").write_text(yaml.safe_dump(
            prometheus_config(jobs, rules, f"127.0.0.1:{ports[1]}", speed)))
        prometheus = [debian.program("prometheus", "prometheus"), f"--config.file={folder}/prometheus.yml",
                      f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{ports[0]}", "--log.level=warn"]
        alertmanager = alertmanager_arguments(debian.program("prometheus-alertmanager", "prometheus-alertmanager"),
                                              folder / "alertmanager.yml", ports[1], folder)
        with running(alertmanager, f"http://127.0.0.1:{ports[1]}/-/ready", folder / "alertmanager.log"), \
                running(prometheus, f"http://127.0.0.1:{ports[0]}/-/ready", folder / "prometheus.log"):
            yield f"http://127.0.0.1:{ports[0]}"


def quicker_routes(config, speed):
    def visit(route):
        for key in ("group_wait", "group_interval", "repeat_interval"):
            if key in route and route[key] != "0s":
                route[key] = quicker(route[key], speed)
        for child in route.get("routes", []):
            visit(child)
    visit(config["route"])
    return config


def watch(jobs, expected, stop, resume, speed, quiet):
    """Runs it; gives a list of problems. `quiet` is how long nothing may be told before the stop, in seconds."""
    receiver = Receiver()
    with watching(jobs, receiver, speed) as prometheus:
        def up():
            listed = json.loads(get(f"{prometheus}/api/v1/targets"))["data"]["activeTargets"]
            return listed and all(target["health"] == "up" for target in listed)
        wait_for("all targets up", 60, up)
        wait_for("the watchdog", 60 + 120 / speed, lambda: receiver.has("watchdog-url", "TillstreamWatchdog", "firing"))
        print(f"monitoring: {len(jobs)} jobs are scraped, and the watchdog arrives", flush=True)

        def calm():
            alerts = json.loads(get(f"{prometheus}/api/v1/alerts"))["data"]["alerts"]
            return not any(alert["labels"]["severity"] == "page" for alert in alerts)
        # Prometheus has just begun: what was absent until the first scrape may fire for a moment.
        wait_for("calm", 60 + 120 / speed, calm)
        begun = time.monotonic()
        time.sleep(quiet / speed)
        if early := receiver.pages(begun):
            return [f"told before anything was stopped: {', '.join(sorted(early))}"]
        stopped = time.monotonic()
        stop()
        try:
            for alert in expected:
                wait_for(alert, 30 + 400 / speed, lambda alert=alert: receiver.has("page-url", alert, "firing", stopped))
                print(f"monitoring: {alert} arrived {time.monotonic() - stopped:.0f} s after the stop", flush=True)
        finally:
            resume()
        resumed = time.monotonic()
        for alert in expected:
            wait_for(f"the end of {alert}", 30 + 400 / speed,
                     lambda alert=alert: receiver.has("page-url", alert, "resolved", resumed))
            print(f"monitoring: its end arrived {time.monotonic() - resumed:.0f} s after it went on: {alert}", flush=True)
        if others := receiver.pages(begun) - set(expected):
            print(f"monitoring: told besides: {', '.join(sorted(others))}")
    return []


def play(checks, wanted):
    """The run without a system, as one of the checks. That nothing is told before the stop shows that it can be silent;
    that a run in which nothing is stopped fails shows that it does not see what is not there."""
    actor = Actor(wanted.speed)
    exporter = Exporter(actor.pages())
    jobs = {job: ([f"127.0.0.1:{exporter.server_port}"], f"/{job}") for job in sorted(JOBS)}
    expected = wanted.expect or ["TillstreamConsumerLagOld", "TillstreamConsumerStuck"]
    report(checks, "a stopped worker is told and its return too (played, "
           f"{wanted.speed:g} times as fast)", lambda: watch(jobs, expected, actor.stop, actor.resume, wanted.speed, 240))


def report(checks, title, run):
    try:
        problems = run()
    except (TimeoutError, RuntimeError) as error:
        problems = [str(error)]
    if problems:
        checks.failed += 1
        for problem in problems:
            print(f"monitoring: FAILED {title}: {problem}")
    else:
        checks.passed += 1
        print(f"monitoring: ok {title}")


def main(checks, wanted):
    if not (debian.program("prometheus", "prometheus") and debian.program("prometheus-alertmanager", "prometheus-alertmanager")):
        checks.not_run("--live: Prometheus and Alertmanager cannot be had; install them, or have apt")
        return checks.end()
    if wanted.up:
        stop, resume = from_up(wanted)
    elif not wanted.target:
        play(checks, wanted)
        return checks.end()
    elif wanted.stop and wanted.resume:
        stop, resume = shell(wanted.stop), shell(wanted.resume)
    else:
        checks.failed += 1
        print("monitoring: FAILED --live with --target needs --stop and --resume")
        return checks.end()
    expected = wanted.expect or ["TillstreamConsumerStuck"]
    with contextlib.ExitStack() as stack:
        jobs = targets(wanted, stack)
        report(checks, "a stopped part is told and its return too",
               lambda: watch(jobs, expected, stop, resume, wanted.speed, 30))
    return checks.end()


def targets(wanted, stack):
    """The jobs to scrape, with exporters started for what has none."""
    jobs = {}
    for target in wanted.target:
        job, _, address = target.partition("=")
        jobs.setdefault(job, ([], "/metrics"))[0].append(address)
    if wanted.nats_monitor:
        exporter = Exporter({"nats": nats_page(wanted.nats_monitor.rstrip("/"))})
        jobs["nats"] = ([f"127.0.0.1:{exporter.server_port}"], "/nats")
    if wanted.postgres:
        program = debian.program("prometheus-postgres-exporter", "prometheus-postgres-exporter")
        if not program:
            raise SystemExit("monitoring: FAILED --postgres: postgres_exporter cannot be had; install it, or have apt")
        port = free_port()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="exporter-")))
        source = f"{wanted.postgres}{'&' if '?' in wanted.postgres else '?'}sslmode=disable"
        stack.enter_context(running([program, f"--web.listen-address=127.0.0.1:{port}"], f"http://127.0.0.1:{port}/metrics",
                                    folder / "log", dict(os.environ, DATA_SOURCE_NAME=source)))
        jobs["postgres"] = ([f"127.0.0.1:{port}"], "/metrics")
    return jobs


def shell(command):
    return lambda: subprocess.run(command, shell=True, check=True)


def from_up(wanted):
    """Takes addresses from up.json; gives what stops the part and sells meanwhile, and what lets it go on."""
    up = json.loads(Path(wanted.up).read_text())
    wanted.target += [f"tillstream-{part}={url.removeprefix('http://').removesuffix('/metrics')}"
                      for part, url in up["metrics"].items()]
    wanted.nats_monitor, wanted.postgres = up["nats_monitor"], up["database"]
    process = up["pids"][wanted.part]

    def stop():
        os.kill(process, signal.SIGSTOP)
        for _ in range(5):
            sell(up)

    return stop, lambda: os.kill(process, signal.SIGCONT)


def sell(up):
    """Two espressos of the demo shop, answered as soon as they are stored."""
    sale = re.search(r"-d '(.*)'$", up["curl"][0])[1]
    request = urllib.request.Request(f"{up['url']}/v1/sales", sale.encode(), {
        "Authorization": f"Bearer {up['token']}", "Content-Type": "application/json", "Prefer": "respond-async",
        "Idempotency-Key": str(uuid.uuid4())})
    urllib.request.urlopen(request, timeout=10).close()
