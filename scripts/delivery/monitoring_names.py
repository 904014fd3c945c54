"""Compares the metrics that rules and dashboards use with what a running system exposes."""

import urllib.error

import re

from monitoring_checks import NAMES, known_names, used_names
from monitoring_servers import get
from monitoring_tools import ROOT

# Who exposes what, by the beginning of the name.
GROUPS = {
    "tillstream": ("tillstream_", "http_", "process_"),
    "nats": ("gnatsd_", "jetstream_"),
    "postgres": ("pg_",),
    "kubernetes": ("kube_", "kubelet_"),
    "node": ("node_",),
    "certificates": ("certmanager_", "probe_"),
}
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


def compare(urls, write):
    """0 if all names that the groups seen should have are there. Groups of which nothing is seen are said."""
    seen, failed = set(), 0
    for url in urls:
        try:
            found = names(get(url if "/" in url.partition("//")[2] else f"{url}/metrics"))
        except (OSError, urllib.error.URLError) as error:
            print(f"monitoring: FAILED {url}: {error}")
            failed += 1
            continue
        print(f"monitoring: {url}: {len(found)} names")
        seen |= found
    wanted = {}
    for where, name in used_names(ROOT):
        wanted.setdefault(name, set()).add(where)
    shown = {group(name) for name in seen}
    for key in GROUPS:
        missing = sorted(name for name in wanted if group(name) == key and name not in seen)
        if key not in shown:
            print(f"monitoring: NOT RUN: {len(missing)} names of {key}: nothing of the kind was given")
            continue
        for name in missing:
            if name in SOMETIMES:
                print(f"monitoring: not there now: {name}: {SOMETIMES[name]}")
                continue
            failed += 1
            print(f"monitoring: FAILED {name}, used by {', '.join(sorted(wanted[name]))}, is exposed by nothing")
        if not missing:
            print(f"monitoring: ok all names of {key}")
    if write and not failed:
        take_over(seen, shown, wanted)
    return 1 if failed else 0


def take_over(seen, shown, wanted):
    """Writes metrics.txt: groups seen as they were seen, the others as they were. Of what others expose, only what is
    used is listed."""
    listed = {name for name in known_names(ROOT) if group(name) not in shown or name in SOMETIMES}
    listed |= {name for name in seen if group(name) == "tillstream" or name in wanted}
    lines = (ROOT / NAMES).read_text().splitlines()
    head = [line for line in lines[:next(i for i, line in enumerate(lines) if not line.startswith("#"))]]
    parts = ["\n".join([f"# {key}", *sorted(name for name in listed if group(name) == key)]) for key in GROUPS]
    (ROOT / NAMES).write_text("\n".join(head) + "\n\n" + "\n\n".join(parts) + "\n")
    print(f"monitoring: {NAMES} written")
