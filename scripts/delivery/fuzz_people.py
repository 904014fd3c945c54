"""What the routes of people, sessions and API keys need to be asked for: each gets somebody or something of its own, which no
other request may change, and a request that must succeed.
"""

import json
import uuid

PASSWORD = "correct staple 47 horses"
ADDRESS = "{}@fuzz.example"
# What an API key may here: all that a program does, and nothing about who may what.
SCOPES = ["catalogue.read", "sales.submit", "sales.read", "stock.read", "stock.adjust", "events.read"]
# Which of these a till must sign.
TILLS_ONLY = {"POST /v1/approvals", "POST /v1/till/sessions", "GET /v1/till/users", "POST /v1/tills",
              "POST /v1/tills/current/certificate", "POST /v1/registers/{id}/till-revocation"}
# Which of these only somebody who has signed in can do.
SESSIONS_ONLY = {"DELETE /v1/sessions/current", "PUT /v1/users/{id}/password"}


class People:
    """Makes them as the operator, by the API itself."""

    def __init__(self, system):
        self.system = system
        # Ids that no request may take at random.
        self.kept = set()
        # What no answer may hold but to who sent it → what it is.
        self.secrets = {PASSWORD: "a password"}

    def send(self, method, path, body=None, token=None, **headers):
        """The answer, which must be a success."""
        all_headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4()), **headers}
        all_headers |= {"Authorization": f"Bearer {token}"} if token else {}
        status, _, text = self.system.ask(method, path, all_headers, None if body is None else json.dumps(body))
        if status not in (200, 201):
            raise RuntimeError(f"{method} {path} answered {status}: {text}")
        return json.loads(text)

    def make(self, path, body):
        made = self.send("POST", path, body, self.system.up["token"])
        self.kept.add(made["id"])
        return made

    def key(self, name="Fuzz"):
        return self.make("/v1/keys", {"name": name, "scopes": SCOPES})

    def user(self, name, role="cashier"):
        return self.make("/v1/users", {"name": name, "email": ADDRESS.format(name), "grants": [{"role": role}]})["id"]

    def invited(self, name, role="cashier"):
        """(user, one-time code)"""
        user = self.user(name, role)
        code = self.send("POST", f"/v1/users/{user}/invitation", token=self.system.up["token"])["code"]
        self.secrets[code] = "a one-time code"
        return user, code

    def signed_in(self, name, role="cashier"):
        """Tokens of a session of somebody new."""
        _, code = self.invited(name, role)
        self.send("POST", "/v1/passwords", {"code": code, "password": PASSWORD})
        tokens = self.send("POST", "/v1/sessions", {"email": ADDRESS.format(name), "password": PASSWORD})
        self.secrets |= {tokens[kind]: f"a {kind}" for kind in ("access_token", "refresh_token")}
        return tokens

    def examples(self, store):
        """Operation -> a request that succeeds once for the operator: {"path", "headers", "body"}."""
        merchant = self.send("GET", "/v1/merchant", token=self.system.up["token"])
        first = {"If-Match": '"1"'}

        def of(thing, body=None, **more):
            return {"path": {"id": thing}, "headers": dict(more.get("headers", {})), "body": body}

        def body(value):
            return {"path": {}, "headers": {}, "body": value}

        refreshed = self.signed_in("refreshed")
        self.signed_in("signing")
        found = {
            "POST /v1/keys": body({"name": "Till roll", "scopes": SCOPES}),
            "POST /v1/keys/{id}/revocation": of(self.key("revoked")["id"]),
            "PATCH /v1/merchant": body({"name": merchant["name"]}) | {"headers": {"If-Match": f'"{merchant["version"]}"'}},
            "POST /v1/passwords": body({"code": self.invited("redeeming")[1], "password": PASSWORD}),
            "POST /v1/registers/{id}/enrolment": of(self.make("/v1/registers", {"store": store, "code": "F-0"})["id"]),
            "POST /v1/registers": body({"store": store, "code": "F-1"}),
            "POST /v1/sessions": body({"email": ADDRESS.format("signing"), "password": PASSWORD}),
            "POST /v1/sessions/refresh": body({"refresh_token": refreshed["refresh_token"]}),
            "GET /v1/users/{id}": of(self.user("shown")),
            "GET /v1/users/{id}/export": of(self.user("exported")),
            "POST /v1/stores": body({"name": "Added"}),
            "PATCH /v1/stores/{id}": of(self.make("/v1/stores", {"name": "Renaming"})["id"], {"name": "Renamed"}, headers=first),
            "POST /v1/users": body({"name": "Kim", "email": ADDRESS.format("kim"), "grants": [{"role": "cashier"}]}),
            "PATCH /v1/users/{id}": of(self.user("renaming"), {"name": "Renamed"}, headers=first),
            "PUT /v1/users/{id}/grants": of(self.user("regranted"), {"grants": [{"role": "auditor"}]}, headers=first),
            "PUT /v1/users/{id}/pin": of(self.user("pinned"), {"pin": "2580"}),
        }
        for action in ("deactivation", "erasure", "invitation", "sign-outs"):
            found[f"POST /v1/users/{{id}}/{action}"] = of(self.user(action))
        for example in found.values():
            example["headers"]["Idempotency-Key"] = str(uuid.uuid4())
        return found

    def own_examples(self, tokens):
        """The same for somebody who has signed in, about themself."""
        return {
            "PUT /v1/users/{id}/password": {"path": {"id": tokens["user"]}, "headers": {"Idempotency-Key": str(uuid.uuid4())},
                                            "body": {"current": PASSWORD, "password": PASSWORD[::-1]}},
        }
