"""Tills: devices with keys of their own, which are enrolled, and sign what they send as libs/contract/src/signature.rs says."""

import base64
import hashlib
import secrets
import time
import uuid

from fuzz_people import PIN, request

# What is signed of a request beside its method, path and query: these headers, if they are sent, in this order.
SIGNED = ("authorization", "content-digest", "idempotency-key", "approval")
# The headers of a signature itself.
SIGNATURE = ("Content-Digest", "Signature-Input", "Signature")


class Till:
    """A device. The library requests takes it as what signs a request."""

    def __init__(self, seed):
        self.seed, self.key = seed, private_key(seed)
        self.public = base64url(self.key.public_key().public_bytes_raw())
        # Where it is enrolled, its certificate, and whether somebody has signed in at it.
        self.register, self.token, self.staffed = None, None, False
        # A register for which it can be enrolled too.
        self.spare = None

    def __call__(self, prepared):
        given = [name in prepared.headers for name in SIGNATURE]
        # Where a route asks for them and one was left out, it stays out, for the route to refuse that.
        if any(given) and not all(given):
            return prepared
        body = prepared.body or b""
        body = body.encode() if isinstance(body, str) else body
        prepared.headers.update(self.signature(prepared.method, prepared.path_url, prepared.headers, body))
        return prepared

    def signature(self, method, target, headers, body=b""):
        """The headers that sign a request for a path and query, with Content-Digest if it has a body."""
        digest = {"Content-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"} if body else {}
        sent = {name.lower(): value.strip() for name, value in {**headers, **digest}.items()}
        path, _, query = target.partition("?")
        parts = {"@method": method, "@path": path, "@query": f"?{query}"} | {name: sent[name] for name in SIGNED if name in sent}
        listed = " ".join(f'"{name}"' for name in parts)
        parameters = f'({listed});created={int(time.time())};nonce="{secrets.token_urlsafe(16)}";keyid="{self.public}"'
        text = "".join(f'"{name}": {value}\n' for name, value in parts.items()) + f'"@signature-params": {parameters}'
        signature = base64.b64encode(self.key.sign(text.encode())).decode()
        return {**digest, "Signature-Input": f"till={parameters}", "Signature": f"till=:{signature}:"}


class Tills:
    """Enrols them, each at a register of its own, which no other request may change."""

    def __init__(self, system, store):
        self.system, self.people, self.store = system, system.people, store
        # Role → the till at which it is.
        self.of = {}
        self.cashier, self.manager = (self.with_pin(role) for role in ("cashier", "manager"))

    def with_pin(self, role):
        user = self.people.user(f"{role}-with-pin", role)
        self.people.send("PUT", f"/v1/users/{user}/pin", {"pin": PIN}, self.system.up["token"])
        return user

    def register(self):
        return self.people.make("/v1/registers", {"store": self.store, "code": f"T-{secrets.token_hex(4)}"})["id"]

    def enrolment(self, till, register):
        """The body that enrols a device at a register, within a quarter of an hour."""
        code = self.people.send("POST", f"/v1/registers/{register}/enrolment", token=self.system.up["token"])["code"]
        self.people.secrets[code] = "a one-time code"
        return {"code": code, "public_key": till.public}

    def enrolled(self):
        till = Till(secrets.token_bytes(32))
        till.register, till.spare = self.register(), self.register()
        till.token = self.people.send("POST", "/v1/tills", self.enrolment(till, till.register), till=till)["token"]
        self.people.secrets[till.token] = "a till's certificate"
        return till

    def token(self, role, staffed=False):
        """The token of a new till, at which the role is from now on, or of somebody who has signed in there."""
        self.of[role] = till = self.enrolled()
        till.staffed = staffed
        return self.people.send("POST", "/v1/till/sessions", self.sign_in(), till.token, till)["token"] if staffed else till.token

    def sign_in(self):
        return {"user": self.cashier, "pin": PIN}

    def examples(self, role):
        """Operation -> a request that succeeds once at the till of a role, within a quarter of an hour."""
        till = self.of[role]
        sale = self.system.document["paths"]["/v1/sales"]["post"]["requestBody"]["content"]["application/json"]["example"]
        approval = {"permission": "sales.void", "command": str(uuid.uuid4()), "approver": self.manager, "pin": PIN}
        found = {
            "GET /v1/till/users": request(),
            "POST /v1/approvals": request(body=approval),
            "POST /v1/sales": request(body=sale | {"register": till.register}),
        }
        if not till.staffed:
            found |= {
                "POST /v1/till/sessions": request(body=self.sign_in()),
                "POST /v1/tills": request(body=self.enrolment(till, till.spare)),
                "POST /v1/tills/current/certificate": request(),
            }
        return found


def private_key(seed):
    # Among the packages that the fuzzer gets first.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
