"""A system to send requests to, with two merchants in its books, and what is known of both.

Who asks is of the first merchant. Of the second, the neighbour, nothing may ever be answered.
"""

import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.parse
import uuid
from pathlib import Path

from chart_checks import tools
from checking import ROOT, Missing
from fuzz_people import People
from fuzz_till import Tills, base64url, private_key

START_SECONDS = 120
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# The demo merchants of bins/pos/src/demo.rs.
OWN = "cafe0000-0000-8000-8000-000000000001"
STORE = "cafe0000-0000-8000-8001-000000000001"
NEIGHBOUR = "d00d0000-0000-8000-8000-000000000001"
# What this is the id of, where the path does not say so: a command is found by the key of its request, a sale's here.
ALSO = {"command": "sale"}
# Shorter texts of the neighbour's may well be ours too: a code of a register, a currency.
MARKER_AT_LEAST = 10
SALES = 2


class System:
    """`pos up` on free ports and a scratch folder, for as long as the `with` lasts."""

    def __init__(self, program):
        self.program = str(program)

    def __enter__(self):
        self.temp = tempfile.TemporaryDirectory(prefix="fuzz-")
        # Servers that run as another user pass through it.
        os.chmod(self.temp.name, 0o711)
        self.data = Path(self.temp.name) / "data"
        self.log = Path(self.temp.name) / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([self.program, "up", "--data", str(self.data), "--listen", "127.0.0.1:0"],
                                            cwd=ROOT, stdout=log, stderr=log)
        try:
            self.wait()
            self.people = People(self)
            self.tills = Tills(self, STORE)
            self.document = json.loads(self.ask("GET", "/openapi.json")[2])
            for merchant in (OWN, NEIGHBOUR):
                for _ in range(SALES):
                    self.sell(merchant)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        self.temp.cleanup()

    def wait(self):
        file = self.data / "up.json"
        until = time.monotonic() + START_SECONDS
        while not file.exists() or not file.stat().st_size:
            if self.process.poll() is not None or time.monotonic() > until:
                raise Missing(f"`pos up` did not come up: {self.log.read_text()[-1000:]}")
            time.sleep(0.1)
        self.up = json.loads(file.read_text())
        self.url = self.up["url"]

    def ask(self, method, path, headers=None, body=None):
        """(status, content type, text) of an answer."""
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=30)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        found = answer.status, answer.headers.get("content-type", ""), answer.read().decode(errors="replace")
        connection.close()
        return found

    def pos(self, *arguments):
        run = subprocess.run([self.program, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)
        if run.returncode != 0:
            raise RuntimeError(f"pos {arguments[0]}: {run.stderr}")
        return run.stdout.strip()

    def sell(self, merchant):
        self.pos("smoke", "--url", self.url, "--key", str(self.data / "secrets" / "tokens.ed25519"), "--merchant", merchant)

    def token(self, merchant):
        return self.pos("token", "--data", str(self.data), "--merchant", merchant)

    def staff(self, role):
        """A token of a user of ours who has this role in all stores."""
        user = str(uuid.uuid5(uuid.NAMESPACE_URL, role))
        self.people.kept.add(user)
        self.sql(f"insert into identity.users (merchant_id, user_id, name, version) values ('{OWN}', '{user}', 'Kim', 1);"
                 f"insert into identity.grants (merchant_id, user_id, source_id, line, role) values "
                 f"('{OWN}', '{user}', '{user}', 0, '{role}')")
        return self.signed({"aud": "tillstream", "exp": int(time.time()) + 86400, "sub": f"user:{user}", "merchant": OWN,
                            "iat": int(time.time()), "grants": [{"role": role}]})

    def sql(self, text):
        folder = tools.services().get("postgres_bin")
        program = Path(folder) / "psql" if folder else "psql"
        subprocess.run([program, self.up["database"], "--quiet", "--set=ON_ERROR_STOP=1", "--command", text], check=True)

    def signed(self, claims):
        """A bearer token with these claims, as libs/contract/src/token.rs makes it."""
        seed = bytes.fromhex((self.data / "secrets" / "tokens.ed25519").read_text().strip())
        body = ".".join(base64url(part.encode()) for part in ('{"alg":"EdDSA","typ":"JWT"}', json.dumps(claims)))
        return f"{body}.{base64url(private_key(seed).sign(body.encode()))}"

    def secrets(self):
        """Secret → where it is from. What is published, public halves, is none."""
        found = {}
        for file in sorted((self.data / "secrets").iterdir()):
            if file.suffix != ".pub" and file.is_file():
                found |= dict.fromkeys(re.findall(r"[\w+/=-]{16,}", file.read_text(errors="replace")), f"the file {file.name}")
        return found

    def known(self, tokens):
        """What requests may name, and what answers may not hold: (pools, markers).

        A pool is [ids of ours, ids of the neighbour's] of a kind of thing. Markers are secrets, tokens and texts of the
        neighbour's, but for the ids in its pools: those may come back in an answer to who sent them.
        """
        ours, theirs = Harvest(self, self.up["token"]), Harvest(self, self.token(NEIGHBOUR))
        pools = {kind: [sorted(ours.ids.get(kind, set()) - self.people.kept), sorted(theirs.ids.get(kind, []))[:1]] for kind in ours.ids | theirs.ids}
        sent = {found for _, neighbours in pools.values() for found in neighbours}
        markers = {text: f"the neighbour's {where}" for text, where in theirs.texts.items()
                   if len(text) >= MARKER_AT_LEAST and text not in ours.texts and text not in sent}
        markers |= self.secrets() | self.people.secrets | {token: "a bearer token" for token in tokens if token}
        return pools, markers | {"$argon2": "a hash of a password"}


class Harvest:
    """All that a caller can read: ids by the kind of thing, and texts with where they stand.

    It goes on as long as ids that it finds lead to further answers.
    """

    def __init__(self, system, token):
        self.ids, self.texts, asked = {}, {}, set()
        paths = [(path, methods["get"]) for path, methods in system.document["paths"].items() if "get" in methods]
        while True:
            wanted = [url for path, get in paths if not streams(get) for url in self.urls(path, get) if url not in asked]
            if not wanted:
                return
            for url in wanted:
                asked.add(url)
                status, kind, text = system.ask("GET", url, {"Authorization": f"Bearer {token}"})
                if status == 200 and "json" in kind:
                    self.read(json.loads(text), collection(url.split("?")[0]), url)

    def urls(self, path, get):
        """The path with what it requires filled in from what is known, once for each of two things."""
        slots = [slot for slot in get.get("parameters", []) if slot.get("required") and slot["in"] in ("path", "query")]
        pools = [sorted(pool(self.ids, kind_of(path, slot["name"]))) for slot in slots]
        for number in range(2 if slots else 1):
            if all(len(pool) > number for pool in pools):
                given = {slot["name"]: pool[number] for slot, pool in zip(slots, pools)}
                query = {slot["name"]: given[slot["name"]] for slot in slots if slot["in"] == "query"}
                yield path.format_map(given) + (f"?{urllib.parse.urlencode(query)}" if query else "")

    def read(self, value, kind, where):
        if isinstance(value, list):
            for part in value:
                self.read(part, kind, where)
        elif isinstance(value, dict):
            for name, part in value.items():
                own = kind if name in ("id", "items", "result") else singular(name)
                self.read(part, own, where)
        elif isinstance(value, str):
            self.texts.setdefault(value, f"{kind}, as in {where}")
            if UUID.fullmatch(value):
                self.ids.setdefault(kind, set()).add(value)


def singular(name):
    return name.removesuffix("s")


def collection(path):
    """What is listed or shown at a path: the last part of it that is a word."""
    return singular([part for part in path.split("/") if part and not UUID.fullmatch(part) and part[0] != "{"][-1])


def kind_of(path, name):
    """The kind of thing that a parameter names: `{id}` in /v1/sales/{id} is a sale."""
    return collection(path.split(f"{{{name}}}")[0]) if name == "id" else singular(name)


def pool(pools, kind):
    return pools.get(kind) or pools.get(ALSO.get(kind), ())


def streams(operation):
    """Whether an operation's answer goes on for ever."""
    return "text/event-stream" in operation["responses"].get("200", {}).get("content", {})
