"""CHANGELOG.md, as the release reads and writes it: Keep a Changelog, with one section for each version."""

import re

# What an entry under a heading means to somebody who upgrades. *Not there yet* tells of gaps, so it weighs nothing.
WEIGHTS = {"Removed": "major", "Added": "minor", "Changed": "minor", "Deprecated": "minor",
           "Fixed": "patch", "Security": "patch", "Not there yet": None}
BREAKING = re.compile(r"^[-*] \*\*Breaking\b", re.M)
SECTION = re.compile(r"^## \[([^\]]+)\].*$", re.M)
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class Refused(Exception):
    """The text says what is wrong and what to do."""


def parse(version):
    found = VERSION.fullmatch(version)
    if not found:
        raise Refused(f"version.txt holds {version!r}, which is no version such as 1.2.3")
    return tuple(int(part) for part in found.groups())


def sections(text):
    """What stands under each `## [version]`, in order."""
    heads = list(SECTION.finditer(text))
    names = [head[1] for head in heads]
    if len(names) != len(set(names)):
        raise Refused("CHANGELOG.md has two sections for one version")
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return {head[1]: text[head.end():end].strip("\n") for head, end in zip(heads, ends)}


def weight(unreleased):
    """major, minor or patch, by the weightiest entry; None if there is nothing to release."""
    weights = set()
    parts = re.split(r"^### (.*)$", unreleased, flags=re.M)
    if entries(parts[0]):
        raise Refused("CHANGELOG.md has entries under Unreleased without a heading such as `### Added`")
    for heading, body in zip(parts[1::2], parts[2::2]):
        if heading.strip() not in WEIGHTS:
            raise Refused(f"CHANGELOG.md has `### {heading}` under Unreleased; it may be one of {', '.join(WEIGHTS)}")
        if entries(body):
            weights.add("major" if BREAKING.search(body) else WEIGHTS[heading.strip()])
    return next((found for found in ["major", "minor", "patch"] if found in weights), None)


def entries(body):
    return re.findall(r"^[-*] .*", body, re.M)


def following(version, heaviest, released):
    """The version after this one. What was never released is released as it is."""
    major, minor, patch = parse(version)
    if not released:
        return version
    if heaviest == "major" and major > 0:
        return f"{major + 1}.0.0"
    # Before 1.0.0 nothing is promised: what breaks raises the second number.
    if heaviest in ("major", "minor"):
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def release(text, version, date):
    """The changelog with what was unreleased under the version, and an empty Unreleased above it."""
    return re.sub(r"^## \[Unreleased\]\n", f"## [Unreleased]\n\n## [{version}] - {date}\n", text, count=1, flags=re.M)
