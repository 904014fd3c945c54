"""Compares the metrics that rules and dashboards use with what a running system exposes."""

import re
import urllib.error

from monitoring_checks import NAMES, known_names, used_names
from monitoring_servers import get
from checking import ROOT

# Who exposes what, by the beginning of the name.
GROUPS = {
    "tillstream": ("tillstream_", "http_", "process_"),
    "nats": ("gnatsd_", "jetstream_"),
    "postgres": ("pg_",),
    "kubernetes": ("kube_", "kubelet_"),
    "node": ("node_",),
    "certificates": ("certmanager_", "probe_"),
}
OTHERS = f"{NAMES}/others.txt"
# Names that are there only sometimes.
SOMETIMES = {
    "pg_stat_archiver_last_archive_age": "only where something has been archived",
    "probe_ssl_earliest_cert_expiry": "only where blackbox_exporter probes over TLS",
}


def group(name):
    return next((key for key, starts in GROUPS.items() if name.startswith(starts)), None)


def names(text):
    """The names of the samples of an exposition."""
    return {found[0] for line in text.splitlines() if (found := re.match(r"[a-zA-Z_:][a-zA-Z0-9_:]*", line))}


def fetched(urls):
    """(names that the addresses expose, problems)."""
    seen, problems = set(), []
    for url in urls:
        try:
            found = names(get(url if "/" in url.partition("//")[2] else f"{url}/metrics"))
        except (OSError, urllib.error.URLError) as error:
            problems.append(f"{url}: {error}")
            continue
        seen |= found
    return seen, problems


def lacking(seen, root):
    """Names that rules and panels use and that the groups seen do not expose, with who uses them."""
    wanted = {}
    for where, name in used_names(root):
        wanted.setdefault(name, set()).add(where)
    shown = {group(name) for name in seen}
    return {name: users for name, users in sorted(wanted.items()) if group(name) in shown and name not in seen}


def compare(urls, write):
    """0 if all names that the groups seen should have are there. Groups of which nothing is seen are said."""
    seen, problems = fetched(urls)
    print(f"monitoring: {len(seen)} names are exposed")
    shown = {group(name) for name in seen}
    for key in GROUPS:
        if key not in shown:
            print(f"monitoring: NOT RUN: names of {key}: nothing of the kind was given")
    for name, users in lacking(seen, ROOT).items():
        if name in SOMETIMES:
            print(f"monitoring: not there now: {name}: {SOMETIMES[name]}")
        else:
            problems.append(f"{name}, used by {', '.join(sorted(users))}, is exposed by nothing")
    for problem in problems:
        print(f"monitoring: FAILED {problem}")
    if not problems:
        print(f"monitoring: ok all names of {', '.join(key for key in GROUPS if key in shown)}")
        if write:
            take_over(seen, shown)
    return 1 if problems else 0


def check_against(root):
    """The comparison itself: with a server that exposes what is listed, nothing is lacking."""
    from monitoring_live import Exporter

    text = "\n".join(f"{name} 1" for name in sorted(known_names(root)))
    exporter = Exporter({"metrics": lambda: text + "\n"})
    seen, problems = fetched([f"http://127.0.0.1:{exporter.server_port}/metrics"])
    exporter.shutdown()
    return problems + [f"{name} is lacking" for name in lacking(seen, root)]


SEEDS = [
    (f"{NAMES}/tillstream.txt", r"\ntillstream_dead_letters\n", "\n", "tillstream_dead_letters is lacking"),
    (OTHERS, r"\npg_up\n", "\n", "pg_up is lacking"),
]


def take_over(seen, shown):
    """Writes the list of others' metrics: groups seen as they were seen, the others as they were. What nobody uses is
    not listed. Our own list is written by a test."""
    wanted = {name for _, name in used_names(ROOT)}
    listed = {name for name in known_names(ROOT) if group(name) not in shown or name in SOMETIMES}
    listed |= {name for name in seen if name in wanted}
    head = (ROOT / OTHERS).read_text().partition("\n\n")[0]
    parts = ["\n".join([f"# {key}", *sorted(name for name in listed if group(name) == key)])
             for key in GROUPS if key != "tillstream"]
    (ROOT / OTHERS).write_text("\n\n".join([head, *parts]) + "\n")
    print(f"monitoring: {OTHERS} written")
