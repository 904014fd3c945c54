"""Checks with the real promtool, amtool and Alertmanager, as Debian packages them."""

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

import yaml

from monitoring_alertmanager import CONFIG, INHIBITIONS, PROMETHEUS, ROUTES, local_config
from monitoring_checks import ALERTS


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def wait_for(what, seconds, probe):
    """What the probe gives, once it gives something; raises TimeoutError after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, urllib.error.URLError):
            if found := probe():
                return found
        time.sleep(0.3)
    raise TimeoutError(f"{what} did not come about within {seconds:.0f} s")


@contextlib.contextmanager
def running(arguments, ready, log, environment=None):
    """A program that runs until the end of the block, and answers at `ready`."""
    with log.open("w") as out:
        process = subprocess.Popen(arguments, stdout=out, stderr=subprocess.STDOUT, cwd=log.parent, env=environment)
    try:
        def answers():
            if process.poll() is not None:
                raise RuntimeError(f"{arguments[0]} ended: {log.read_text()[-2000:]}")
            return get(ready) or True
        wait_for(arguments[0], 30, answers)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def alertmanager_arguments(program, config, port, folder):
    """Debian's Alertmanager opens its templates below /usr/share. Where the package is only unpacked, it is run in a
    mount namespace of its own in which that folder is the unpacked one. That needs no root."""
    arguments = [program, f"--config.file={config}", f"--storage.path={folder}/alertmanager", "--cluster.listen-address=",
                 f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    templates = Path(program).parent.parent / "share" / "prometheus"
    if templates == Path("/usr/share/prometheus") or not (templates / "alertmanager").exists():
        return arguments
    script = f'mount -t tmpfs none /usr/share && ln -s "{templates}" /usr/share/prometheus && exec "$@"'
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", *arguments]


def tool(*arguments):
    """The lines that a tool complains with; none if it is content."""
    # promtool crashes where it cannot write into the folder for temporary files; Python has found one in which one can.
    run = subprocess.run(arguments, capture_output=True, text=True, env=dict(os.environ, TMPDIR=tempfile.gettempdir()))
    if run.returncode == 0:
        return []
    lines = [line.strip() for line in (run.stdout + run.stderr).splitlines() if line.strip()]
    return [" ".join(lines)[:1500] or f"exit code {run.returncode}"]


def promtool_checks(promtool):
    """The checks that promtool makes: of rules, of their tests, of Prometheus' configuration."""
    def check_rules(root):
        return tool(promtool, "check", "rules", *map(str, sorted((root / ALERTS).glob("*.yml"))))

    def test_rules(root):
        tests = sorted((root / ALERTS / "tests").glob("*.yml"))
        return tool(promtool, "test", "rules", *map(str, tests)) if tests else ["there are no tests"]

    def test_books(root):
        return tool(promtool, "test", "rules", str(root / ALERTS / "tests" / "books.yml"))

    def check_config(root):
        with tempfile.TemporaryDirectory() as temp:
            config = Path(temp) / "prometheus.yml"
            text = (root / PROMETHEUS).read_text()
            config.write_text(text.replace("/etc/prometheus/rules", str((root / ALERTS).resolve())))
            return tool(promtool, "check", "config", str(config))

    books = f"{ALERTS}/books.yml"
    return [
        ("promtool check rules", check_rules, [
            (books, r"for: 15m", "for: soon", "soon"),
            (books, r"\$value", "$valeu", "valeu"),
        ]),
        ("promtool test rules", Both(test_rules, test_books), [
            (books, r'"chain"\}\) > 0', '"chain"}) > 1', "TillstreamChainBroken"),
            (books, r"3600", "36000", "TillstreamAuditStopped"),
        ]),
        ("promtool check config", check_config, [
            (PROMETHEUS, r"scrape_timeout: 10s", "scrape_timeout: 1m", "timeout"),
            (PROMETHEUS, r"job_name: nats", "job_name: postgres", "postgres"),
        ]),
    ]


class Both:
    """Runs all tests on the tree itself, and on a copy with a seeded mistake only those of the seeded file."""

    def __init__(self, whole, seeded):
        self.whole, self.seeded, self.calls = whole, seeded, 0

    def __call__(self, root):
        self.calls += 1
        return (self.whole if self.calls == 1 else self.seeded)(root)


def amtool_checks(amtool):
    """The checks that amtool makes: that the configuration loads, and where alerts go."""
    def with_config(root, then):
        with tempfile.TemporaryDirectory() as temp:
            config = Path(temp) / "alertmanager.yml"
            config.write_text(yaml.safe_dump(local_config(root, "http://127.0.0.1:9/")))
            return then(str(config))

    def check_config(root):
        return with_config(root, lambda config: tool(amtool, "check-config", config))

    def check_routes(root):
        def routes(config):
            problems = []
            for labels, receiver in ROUTES:
                pairs = [f"{key}={value}" for key, value in labels.items()]
                problems += [f"{' '.join(pairs)}: {problem}" for problem in tool(
                    amtool, "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receiver}", *pairs)]
            return problems
        return with_config(root, routes)

    return [
        ("amtool check-config", check_config, [
            (CONFIG, r"repeat_interval: 12h", "repeat_interval: often", "often"),
            (CONFIG, r"severity = page", "severity ~ page", "severity"),
        ]),
        ("amtool config routes test", check_routes, [
            (CONFIG, r"matchers: \[severity = page\]", "matchers: [severity = pages]", "TillstreamSalesFailing"),
            (CONFIG, r"alertname = TillstreamWatchdog", "alertname = Other", "TillstreamWatchdog"),
        ]),
    ]


def inhibition_check(program):
    """The check that a real Alertmanager silences what follows from something else, and nothing more."""
    def check(root):
        with tempfile.TemporaryDirectory(prefix="alertmanager-") as temp:
            folder = Path(temp)
            config = folder / "alertmanager.yml"
            config.write_text(yaml.safe_dump(local_config(root, "http://127.0.0.1:9/")))
            port = free_port()
            base = f"http://127.0.0.1:{port}"
            with running(alertmanager_arguments(program, config, port, folder), f"{base}/-/ready", folder / "log"):
                return inhibition_problems(base)

    return ("inhibitions in a real Alertmanager", check, [
        (CONFIG, r"Consumer\.\+\|RedeliveriesHigh\|AuditStopped\)", "AuditStopped)", "lag is silent while NATS is down"),
        (CONFIG, r"\n    equal: \[namespace\]", "\n    equal: []", "lag in another namespace is not"),
    ])


def inhibition_problems(base):
    """Sends the two alerts of each case and asks about the second. Cases do not meet: the number of the case is part of
    the namespace and of the job, where there is one."""
    def own(number, labels):
        labels = dict(labels, case=str(number))
        return {key: f"{value}-{number}" if key in ("namespace", "job") else value for key, value in labels.items()}

    until = (datetime.now(timezone.utc) + timedelta(minutes=5)).isoformat()
    post(f"{base}/api/v2/alerts", [{"labels": own(number, labels), "endsAt": until}
                                   for number, case in enumerate(INHIBITIONS) for labels in case[1:3]])

    def silenced():
        listed = json.loads(get(f"{base}/api/v2/alerts"))
        return {(int(alert["labels"]["case"]), alert["labels"]["alertname"], alert["labels"]["severity"]):
                bool(alert["status"]["inhibitedBy"]) for alert in listed}

    def key(number):
        return number, INHIBITIONS[number][2]["alertname"], INHIBITIONS[number][2]["severity"]

    numbers = range(len(INHIBITIONS))
    # Alertmanager takes alerts in one after another: until all is as it should be, or for ten seconds.
    with contextlib.suppress(TimeoutError):
        wait_for("silence", 10, lambda: (now := silenced()) and all(now.get(key(n)) for n in numbers if INHIBITIONS[n][3]))
    time.sleep(1)
    now = silenced()
    return [f"{INHIBITIONS[n][0]}: {INHIBITIONS[n][2]['alertname']} is {'' if now[key(n)] else 'not '}silenced by "
            f"{INHIBITIONS[n][1]['alertname']}" for n in numbers if now[key(n)] != INHIBITIONS[n][3]]


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=5).close()
