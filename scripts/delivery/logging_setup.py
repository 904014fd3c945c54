"""Runs setup.sh of files/logging against a server that plays Elasticsearch and Kibana, and looks at what it was sent."""

import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
from base64 import b64encode
from pathlib import Path

from logging_checks import LOGGING, SETUP

PASSWORDS = {"elastic": "e1a5", "kibana": "c0ffee", "logstash": "beef"}
ORDER = ["GET /_cluster/health", "POST /_security/user/kibana_system/_password", "PUT /_security/role/tillstream_logstash",
         "PUT /_security/user/tillstream_logstash", "PUT /_ilm/policy/tillstream-logs",
         "PUT /_component_template/tillstream-logs-settings", "PUT /_component_template/tillstream-logs-mappings",
         "PUT /_index_template/tillstream-logs", "GET /api/status", "POST /api/saved_objects/_import"]


class Playing(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        server = self.server
        server.got.append((f"{self.command} {path}", body, self.headers.get("Authorization")))
        # At first nobody is there, as when both are started together.
        status, text = (503, "") if len(server.got) == 1 else server.answers.get(path, (200, '{"success":true}'))
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_PUT = do_POST = answer

    def log_message(self, *_):
        pass


def run(root, answers=None, missing=(), users="true"):
    """(exit code, what was said, what was sent)."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Playing)
    server.got, server.answers = [], answers or {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as temp:
        for name, password in PASSWORDS.items():
            if name not in missing:
                (Path(temp) / name).write_text(password + "\n")
        url = f"http://127.0.0.1:{server.server_port}"
        process = subprocess.run(["sh", str(root / SETUP)], capture_output=True, text=True, timeout=60, env={
            **os.environ, "ELASTICSEARCH_URL": url, "KIBANA_URL": url, "FILES": str(root / LOGGING), "SECRETS": temp,
            "WAIT_SECONDS": "2", "USERS": users, "TMPDIR": tempfile.gettempdir(), "no_proxy": "127.0.0.1"})
    server.shutdown()
    return process.returncode, process.stdout + process.stderr, server.got


def check_setup(root):
    """It waits, sends everything in order and as the administrator, and fails when anything is refused."""
    code, said, got = run(root)
    problems = [] if code == 0 else [f"it failed: {said[-500:]}"]
    requests = [request for request, *_ in got][1:]
    if requests != ORDER:
        problems.append(f"it sent {requests}")
    expected = "Basic " + b64encode(f"elastic:{PASSWORDS['elastic']}".encode()).decode()
    problems += [f"{request} was not sent as the administrator" for request, _, who in got if who != expected]
    code, words, sent = run(root, missing=("kibana", "logstash"), users="false")
    if code != 0 or [request for request, *_ in sent][1:] != [request for request in ORDER if "/_security/" not in request]:
        problems.append(f"without users it does not send just the rest: {words[-500:]}")
    bodies = {request: body for request, body, _ in got}
    for request, body in bodies.items():
        if request.startswith("PUT"):
            try:
                json.loads(body)
            except ValueError:
                problems.append(f"{request} was sent no JSON")
    user = json.loads(bodies.get("PUT /_security/user/tillstream_logstash") or "{}")
    if user.get("password") != PASSWORDS["logstash"] or user.get("roles") != ["tillstream_logstash"]:
        problems.append("Logstash's user has not its password and its role")
    if b'"tillstream-overview"' not in bodies.get("POST /api/saved_objects/_import", b""):
        problems.append("the saved objects were not sent")
    problems += [f"a password was printed: {password}" for password in PASSWORDS.values() if password in said]
    for title, arguments in (
            ("a refused template", {"answers": {"/_index_template/tillstream-logs": (400, "no")}}),
            ("objects that were not taken", {"answers": {"/api/saved_objects/_import": (200, '{"success":false}')}}),
            ("a Kibana that does not come", {"answers": {"/api/status": (503, "")}}),
            ("a missing password", {"missing": ("logstash",)})):
        code, _, _ = run(root, **arguments)
        if code == 0:
            problems.append(f"{title} did not make it fail")
    return problems


def usable():
    return shutil.which("curl") is not None


SEEDS = [
    (SETUP, r'if \[ "\$users" != false \]', "if true", "without users"),
    (SETUP, r"put _ilm/policy/tillstream-logs .*\n", "", "it sent"),
    (SETUP, r"if ! grep -q '\"success\":true' \"\$work/answer\"", "if false", "objects that were not taken"),
    (SETUP, r'echo "setup: users are made"', 'cat "$secrets/kibana"', "a password was printed"),
]
