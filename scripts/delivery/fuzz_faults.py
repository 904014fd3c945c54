"""A proxy that spoils answers, to show that the fuzzer finds each fault."""

import contextlib
import http.client
import http.server
import json
import threading
import urllib.parse


def untouched(answer, neighbours):
    return answer


def broken(answer, neighbours):
    return answer | {"status": 500}


def unnamed(answer, neighbours):
    return answer | {"status": 418} if answer["status"] == 400 else answer


def misshapen(answer, neighbours):
    if answer["status"] != 200 or not answer["body"]:
        return answer
    body = json.loads(answer["body"])
    body["items"] = {}
    return answer | {"body": json.dumps(body).encode()}


def leaking(answer, neighbours):
    if answer["status"] not in (200, 400):
        return answer
    return answer | {"body": answer["body"].rstrip(b"} \n") + b', "debug": ' + json.dumps(neighbours).encode() + b"}"}


def open_to_all(answer, neighbours):
    return answer | {"status": 200, "headers": {"content-type": "application/json"}, "body": b'{"items": [], "next": null}'}


# The fault, what of the output of a run tells of it (nothing, where there is none), and whether a stranger must ask for it to show.
FAULTS = [
    (untouched, None, False),
    (broken, "answered 500", False),
    (unnamed, "Undocumented status code", False),
    (misshapen, "violates schema", False),
    (leaking, "the answer holds", False),
    (open_to_all, "answers a stranger", True),
]


NOT_PASSED_ON = ("host", "connection", "content-length", "transfer-encoding", "date", "server")


@contextlib.contextmanager
def proxy(url, fault, neighbours):
    """The address of a proxy of `url` that spoils what is under /v1/."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in NOT_PASSED_ON}
            connection.request(self.command, self.path, body, headers)
            found = connection.getresponse()
            kept = {name: value for name, value in found.headers.items() if name.lower() not in NOT_PASSED_ON}
            answer = {"status": found.status, "headers": kept, "body": found.read()}
            connection.close()
            if self.path.startswith("/v1/"):
                answer = fault(answer, neighbours)
            self.send_response(answer["status"])
            for name, value in answer["headers"].items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer["body"])))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer["body"])

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_QUERY = do_HEAD = pass_on

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request, address):
            """A client that hangs up, for it has seen enough, is no matter."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
