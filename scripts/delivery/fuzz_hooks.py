"""Loaded by schemathesis: gives requests ids of things that there are, and looks for leaks in answers.

FUZZ_KNOWN names a JSON file: {"role", "till", "kept", "pools", "markers", "examples", "statuses"}: the seed of a till's key
or null, requests that shall succeed, by operation, and a file into which is written, for each operation, how often it was
answered with which status.
"""

import atexit
import json
import os
import urllib.parse
import uuid
import zlib
from collections import Counter
from pathlib import Path

import fuzz_system
import schemathesis
from fuzz_till import Till

KNOWN = json.loads(Path(os.environ["FUZZ_KNOWN"]).read_text())
STATUSES = {}
TILL = Till(bytes.fromhex(KNOWN["till"])) if KNOWN["till"] else None


def chosen(kind, value, ours):
    """In place of a well-formed id: mostly one of ours, sometimes one of the neighbour's, sometimes the id itself;
    with `ours` the first of ours, for that is to succeed.

    The same id gives the same choice, so that a run repeats and a failure shrinks.
    """
    pools = fuzz_system.pool(KNOWN["pools"], kind)
    if not pools or not isinstance(value, str) or not fuzz_system.UUID.fullmatch(value):
        return value
    if ours:
        return pools[0][0] if pools[0] else value
    number = zlib.crc32(f"{kind} {value}".encode())
    candidates = [pools[0], pools[0], pools[1], [value]][number % 4] or [value]
    return candidates[number // 4 % len(candidates)]


def replaced(value, kind, ours):
    if isinstance(value, dict):
        return {name: replaced(part, fuzz_system.singular(name), ours) for name, part in value.items()}
    if isinstance(value, list):
        return [replaced(part, kind, ours) for part in value]
    return chosen(kind, value, ours)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Requests that shall succeed are examples, as if the document had them."""
    for label, example in KNOWN["examples"].items():
        method, path = label.split()
        operation = raw_schema["paths"][path][method.lower()]
        for parameter in operation.get("parameters", []):
            given = {**example["path"], **example["headers"]}
            if parameter["name"] in given:
                parameter["example"] = given[parameter["name"]]
        if example["body"] is not None:
            operation["requestBody"]["content"]["application/json"]["example"] = example["body"]


@schemathesis.hook
def before_call(context, case, kwargs):
    # What schemathesis sends by itself, to see whether the token is asked for, stays unsigned.
    kwargs["auth"] = TILL
    path = case.operation.path
    phase = case.meta.phase.name.value if case.meta else None
    example = KNOWN["examples"].get(case.operation.label) if phase == "examples" else None
    if example:
        # As a whole: of parts that are examples schemathesis makes requests whose other parts are not.
        case.path_parameters = dict(example["path"])
        case.headers = {**(case.headers or {}), **example["headers"]}
        if example["body"] is not None:
            case.body = example["body"]
        return
    # Of a seed all operations have the same first key, which would be another request's. In other phases a header that a hook
    # has changed makes schemathesis forget which one it meant to leave out.
    for name, value in (case.headers or {}).items() if phase == "examples" else ():
        if name.lower() == "idempotency-key" and fuzz_system.UUID.fullmatch(str(value)):
            case.headers[name] = str(uuid.uuid5(uuid.UUID(value), f"{KNOWN['role']} {case.operation.label}"))
    # What one of a sequence of requests made, the next one asks for: that id is not to be replaced.
    ours = phase in ("examples", "stateful")
    # Schemathesis takes ids from answers too: who asks must not be revoked or erased meanwhile.
    for name, value in (case.path_parameters or {}).items():
        if value in KNOWN["kept"]:
            case.path_parameters[name] = str(uuid.uuid5(uuid.UUID(value), "another"))
    for place in ("path_parameters", "query") if phase != "stateful" else ():
        given = getattr(case, place) or {}
        for name in given:
            given[name] = chosen(fuzz_system.kind_of(path, name), given[name], ours)
    if isinstance(case.body, (dict, list)):
        case.body = replaced(case.body, None, ours)


@schemathesis.hook
def after_call(context, case, response):
    # By the method that was sent, which may be one that the route does not have.
    label = f"{response.request.method} {case.operation.path}"
    STATUSES.setdefault(label, Counter())[response.status_code] += 1


@schemathesis.check
def nothing_leaks(ctx, response, case):
    text = response.text + json.dumps({name: list(values) for name, values in response.headers.items()}, ensure_ascii=False)
    sent = f"{urllib.parse.unquote(response.request.url)} {response.request.headers} {response.request.body}"
    for marker, what in KNOWN["markers"].items():
        if marker in text and marker not in sent:
            raise AssertionError(f"the answer holds {what}")


@schemathesis.check
def any_5xx(ctx, response, case):
    """Also those that the document names: here all servers run, and nobody asks too much."""
    if response.status_code >= 500:
        raise AssertionError(f"answered {response.status_code}")


@atexit.register
def tell():
    Path(KNOWN["statuses"]).write_text(json.dumps(STATUSES))
