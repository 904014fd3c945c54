"""What the routes of people, sessions and API keys need to be asked for: each gets somebody or something of its own, which no
other request may change, and a request that must succeed.
"""

import json
import uuid

PASSWORD = "correct staple 47 horses"
PIN = "2580"
ADDRESS = "{}@fuzz.example"
# What an API key may here: all that a program does, and nothing about who may what.
SCOPES = ["catalogue.read", "sales.submit", "sales.read", "stock.read", "stock.adjust", "events.read"]
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

    def send(self, method, path, body=None, token=None, till=None):
        """The answer, which must be a success. A till signs the request."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        content = b"" if body is None else json.dumps(body).encode()
        headers |= till.signature(method, path, headers, content) if till else {}
        status, _, text = self.system.ask(method, path, headers, content)
        if status not in (200, 201):
            raise RuntimeError(f"{method} {path} answered {status}: {text}")
        return json.loads(text)

    def make(self, path, body):
        made = self.send("POST", path, body, self.system.up["token"])
        self.kept.add(made["id"])
        return made

    def credit(self, store):
        """The account of some store credit."""
        issued = self.send("POST", "/v1/store-credits", {"store": store, "amount": 100}, self.system.up["token"])
        self.kept.add(issued["id"])
        return issued["id"]

    def basket(self, store, register):
        """A parked basket."""
        product = self.send("GET", "/v1/products", token=self.system.up["token"])["items"][0]["id"]
        currency = self.send("GET", "/v1/merchant", token=self.system.up["token"])["currency"]
        draft = {"currency": currency, "lines": [{"product": product, "quantity": "1"}]}
        return self.make("/v1/baskets", {"store": store, "register": register, "name": "Table 4", "draft": draft})["id"]

    def put(self, path, body):
        return self.send("PUT", path, body, self.system.up["token"])

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

    def shift(self, store, code, *steps):
        """A shift that has taken these steps, at a register of its own, and where it is."""
        where = {"store": store, "register": self.make("/v1/registers", {"store": store, "code": code})["id"]}
        shift = self.make("/v1/shifts", {**where, "float": 0})["id"]
        for step in steps:
            self.send("POST", f"/v1/shifts/{shift}/{step}", where, self.system.up["token"])
        return shift, where

    def card_payment(self, where):
        """A card payment, which the simulator approves."""
        return self.make("/v1/card-payments", {**where, "terminal": "T1", "amount": 100, "currency": "EUR"})["id"]

    def customer(self):
        """Somebody who buys."""
        return self.make("/v1/customers", {"profile": {"name": "Robin"}})["id"]

    def owing(self, store):
        """Somebody who has a house account."""
        customer = self.customer()
        self.put(f"/v1/customers/{customer}/house-account", {"store": store, "limit": 1000})
        return customer

    def collecting(self, where, product):
        """Somebody who has collected points."""
        customer = self.customer()
        self.make("/v1/sales", {**where, "currency": "EUR", "customer": customer,
                                "lines": [{"product": product, "quantity": "100"}],
                                "payments": [{"method": "cash", "tendered": 10_000_000}]})
        return customer

    def customer_examples(self, where, product):
        """The same about customers."""
        store, group, ended = where["store"], str(uuid.uuid4()), str(uuid.uuid4())
        rule = {"points": 1, "per": 1, "worth": 1}
        self.put(f"/v1/customer-groups/{ended}", {"name": "Ended"})
        self.put("/v1/loyalty-rule", rule)
        return {
            "PUT /v1/customers/{id}": request(self.customer(), {"profile": {"name": "Robin"}}, version=1),
            "POST /v1/customers/{id}/merge": request(self.customer(), {"into": self.customer()}, version=1),
            "POST /v1/customers/{id}/payments": request(self.owing(store), {**where, "amount": 1, "tender": "cash"}),
            "POST /v1/customers/{id}/redemptions": request(self.collecting(where, product), {"store": store, "points": 1}),
            "POST /v1/customers/{id}/erasure": request(self.customer()),
            "PUT /v1/customers/{id}/house-account": request(self.customer(), {"store": store, "limit": 1000}),
            "POST /v1/accounts/{id}/reload": request(self.credit(store), {"store": store, "amount": 100}),
            "PUT /v1/customer-groups/{id}": request(group, {"name": "Regulars"}),
            "DELETE /v1/customer-groups/{id}": request(ended, version=1),
            "PUT /v1/loyalty-rule": request(body=rule, version=1),
        }

    def examples(self, store):
        """Operation -> a request that succeeds once for the operator."""
        merchant = self.send("GET", "/v1/merchant", token=self.system.up["token"])
        promotion, over, listed, ended = (str(uuid.uuid4()) for _ in range(4))
        self.put(f"/v1/promotions/{over}", {"id": over, "name": "Over", "effect": {"percent": "10"}})
        self.put(f"/v1/price-lists/{ended}", {"id": ended, "name": "Ended"})
        product = self.send("GET", "/v1/products", token=self.system.up["token"])["items"][0]["id"]
        used, using = self.shift(store, "F-2")
        ending, where_ending = self.shift(store, "F-3")
        counting, where_counting = self.shift(store, "F-4", "end")
        closing, where_closing = self.shift(store, "F-5", "end")
        refreshed = self.signed_in("refreshed")
        self.signed_in("signing")
        found = {
            "POST /v1/keys": request(body={"name": "Till roll", "scopes": SCOPES}),
            "POST /v1/keys/{id}/revocation": request(self.key("revoked")["id"]),
            "PATCH /v1/merchant": request(body={"name": merchant["name"]}, version=merchant["version"]),
            "POST /v1/passwords": request(body={"code": self.invited("redeeming")[1], "password": PASSWORD}),
            "POST /v1/registers/{id}/enrolment": request(self.make("/v1/registers", {"store": store, "code": "F-0"})["id"]),
            "POST /v1/registers": request(body={"store": store, "code": "F-1"}),
            "POST /v1/accounts/{id}/transfer": request(self.credit(store), {"store": store, "to": self.credit(store)}),
            "POST /v1/card-payments": request(body={**using, "terminal": "T1", "amount": 100, "currency": "EUR"}),
            "GET /v1/card-payments/{id}": request(self.card_payment(using)),
            "POST /v1/card-payments/{id}/cancel": request(self.card_payment(using), {"store": store, "refund": True}),
            "PUT /v1/promotions/{id}": request(promotion, {"id": promotion, "name": "Offer", "effect": {"percent": "10"}}),
            "DELETE /v1/promotions/{id}": request(over, version=1),
            "PUT /v1/price-lists/{id}": request(listed, {"id": listed, "name": "Summer"}),
            "DELETE /v1/price-lists/{id}": request(ended, version=1),
            "POST /v1/price-lists/{id}/prices": request(ended, {"prices": [{"product": product, "unit_price": 1}]}),
            "POST /v1/shifts/{id}/drawer-events": request(used, {**using, "use": "cash_in", "amount": 1, "reason": "change"}),
            "POST /v1/shifts/{id}/end": request(ending, where_ending),
            "POST /v1/shifts/{id}/count": request(counting, {**where_counting, "tenders": []}),
            "POST /v1/shifts/{id}/close": request(closing, where_closing),
            "POST /v1/baskets/{id}/take": request(self.basket(store, using["register"]), using),
            "POST /v1/baskets/{id}/drop": request(self.basket(store, using["register"]), using),
            "GET /v1/baskets/{id}": request(self.basket(store, using["register"])),
            "POST /v1/sessions": request(body={"email": ADDRESS.format("signing"), "password": PASSWORD}),
            "POST /v1/sessions/refresh": request(body={"refresh_token": refreshed["refresh_token"]}),
            "GET /v1/users/{id}": request(self.user("shown")),
            "GET /v1/users/{id}/export": request(self.user("exported")),
            "POST /v1/stores": request(body={"name": "Added"}),
            "PATCH /v1/stores/{id}": request(self.make("/v1/stores", {"name": "Renaming"})["id"], {"name": "Renamed"}, version=1),
            "POST /v1/users": request(body={"name": "Kim", "email": ADDRESS.format("kim"), "grants": [{"role": "cashier"}]}),
            "PATCH /v1/users/{id}": request(self.user("renaming"), {"name": "Renamed"}, version=1),
            "PUT /v1/users/{id}/grants": request(self.user("regranted"), {"grants": [{"role": "auditor"}]}, version=1),
            "PUT /v1/users/{id}/pin": request(self.user("pinned"), {"pin": PIN}),
        }
        found |= self.customer_examples(using, product)
        for action in ("deactivation", "erasure", "invitation", "sign-outs"):
            found[f"POST /v1/users/{{id}}/{action}"] = request(self.user(action))
        return found

    def own_examples(self, tokens):
        """The same for somebody who has signed in, about themself."""
        return {
            "PUT /v1/users/{id}/password": request(tokens["user"], {"current": PASSWORD, "password": PASSWORD[::-1]}),
        }


def request(thing=None, body=None, version=None):
    """One that is to succeed, about a thing or none, of a version if that is asked for."""
    headers = {"Idempotency-Key": str(uuid.uuid4())} | ({"If-Match": f'"{version}"'} if version else {})
    return {"path": {"id": thing} if thing else {}, "headers": headers, "body": body}
