"""A Kubernetes API of a few lines, which only has what it was given: enough for what the chart looks up in a cluster."""

import contextlib
import json
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .rendering import NAMESPACE

VERSION = {"major": "1", "minor": "35", "gitVersion": "v1.35.0"}
# What the chart looks up, whether or not the cluster holds any.
ALWAYS = {("v1", "Secret"), ("apps/v1", "StatefulSet"), ("v1", "PersistentVolumeClaim")}


def prefix(api):
    return f"/apis/{api}" if "/" in api else f"/api/{api}"


def plural(kind):
    return f"{kind.lower()[:-1]}ies" if kind.endswith("y") else f"{kind.lower()}s"


def discovery(kinds):
    """What the API says of itself: path → answer."""
    answers = {"/version": VERSION, "/api": {"kind": "APIVersions", "versions": ["v1"]}}
    groups = []
    for api in sorted({api for api, _ in kinds}):
        resources = [{"name": plural(kind), "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": ["get", "list"]}
                     for of, kind in sorted(kinds) if of == api]
        answers[prefix(api)] = {"kind": "APIResourceList", "groupVersion": api, "resources": resources}
        if "/" in api:
            version = {"groupVersion": api, "version": api.split("/")[1]}
            groups.append({"name": api.split("/")[0], "versions": [version], "preferredVersion": version})
    answers["/apis"] = {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    return answers


@contextlib.contextmanager
def holding(documents, kinds):
    """Serves the documents, and knows these (apiVersion, kind) besides; yields the path of a kubeconfig."""
    answers = discovery(kinds | ALWAYS)
    for document in documents:
        path = f"{prefix(document['apiVersion'])}/namespaces/{NAMESPACE}/{plural(document['kind'])}"
        answers[f"{path}/{document['metadata']['name']}"] = document

    class Api(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = answers.get(self.path.split("?")[0])
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            body = json.dumps(answer or missing).encode()
            self.send_response(200 if answer else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with tempfile.TemporaryDirectory() as temp:
            config = Path(temp) / "config"
            config.write_text(json.dumps({
                "apiVersion": "v1", "kind": "Config", "current-context": "test",
                "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
                "users": [{"name": "test", "user": {}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": NAMESPACE}}]}))
            yield str(config)
    finally:
        server.shutdown()
        server.server_close()
