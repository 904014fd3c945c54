"""What the chart must agree with in the code: streams, consumers, settings, limits. Read from where it is declared."""

import re
import tomllib

from . import tools

# A consumer's class gives the stream.
STREAM = {"Command": "COMMANDS", "Event": "EVENTS"}


def consumers(partitions):
    """(stream, consumer) pairs that `pos topology apply` makes."""
    text = (tools.ROOT / "libs/bus/src/topology.rs").read_text()
    block = re.search(r"pub const CONSUMERS[^=]*= \[(.*?)\];", text, re.DOTALL)
    found = re.findall(r'\("(\w+)", Class::(\w+), "\w+"\)', block[1]) if block else []
    if not found:
        tools.fail("libs/bus/src/topology.rs no longer declares CONSUMERS as this check reads it")
    return {(f"{STREAM[kind]}_{partition}", name) for name, kind in found for partition in range(partitions)}


def role_of(consumer):
    """Whose consumer it is: its name is the worker's, but for those that `role_of` in the code names."""
    text = (tools.ROOT / "libs/bus/src/topology.rs").read_text()
    block = re.search(r"pub fn role_of.*?\n\}", text, re.DOTALL)
    if not block:
        tools.fail("libs/bus/src/topology.rs no longer declares role_of as this check reads it")
    others = dict(re.findall(r'consumer == "(\w+)" \{ "(\w+)" \}', block[0]))
    return others.get(consumer, consumer)


def limits():
    """The keys of the file that `pos topology apply --limits` reads."""
    text = (tools.ROOT / "libs/bus/src/topology.rs").read_text()
    block = re.search(r"pub struct Limits \{(.*?)\n\}", text, re.DOTALL)
    return set(re.findall(r"pub (\w+):", block[1]))


def values(table, path=()):
    """Every setting of a TOML table, as a dotted name, and its value."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from values(value, (*path, key))
        else:
            yield ".".join((*path, key)), value


def keys(table):
    """Every setting of a TOML table, as a dotted name."""
    return (key for key, _ in values(table))


def secrets(binary):
    """The settings of a binary that name a file with a secret, without which it does not run. TLS may be left out."""
    return {key for key in settings(binary) if re.search(r"[._](key|password|pepper)_file$", key) and "tls" not in key}


def settings(binary):
    """The settings that a binary knows. Its sample has all of them; one without a default is a comment there."""
    text = (tools.ROOT / "bins" / binary / "settings.toml").read_text()
    return set(keys(tomllib.loads(re.sub(r"^# ?(\w+ = .+)$", r"\1", text, flags=re.MULTILINE))))
