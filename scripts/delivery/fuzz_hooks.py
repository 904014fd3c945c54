"""Loaded by schemathesis: gives requests ids of things that there are, and looks for leaks in answers.

FUZZ_KNOWN names a JSON file: {"pools", "markers", "statuses"}, the last a file into which is written, for each operation,
how often it was answered with which status.
"""

import atexit
import json
import os
import urllib.parse
import zlib
from collections import Counter
from pathlib import Path

import fuzz_system
import schemathesis

KNOWN = json.loads(Path(os.environ["FUZZ_KNOWN"]).read_text())
STATUSES = {}


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
def before_call(context, case, kwargs):
    path = case.operation.path
    phase = case.meta.phase.name.value if case.meta else None
    # What one of a sequence of requests made, the next one asks for: that id is not to be replaced.
    ours = phase in ("examples", "stateful")
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
