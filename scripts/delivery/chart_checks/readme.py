"""README.md of the chart: what is written by hand above a line, and the table of values from the comments in values.yaml."""

import json
import re

from . import tools

MARK = "<!-- From here on written by scripts/delivery/chart from the comments in values.yaml. -->"
README = tools.CHART / "README.md"


def rows(text):
    """(name, default, comment) of each value, by reading lines: YAML's own readers drop comments."""
    path, comment = [], []
    for line in text.splitlines():
        if found := re.match(r" *# ?(.*)", line):
            comment.append(found[1])
            continue
        found = re.match(r"( *)([\w.-]+):(?: (.*))?$", line)
        if not found:
            comment = []
            continue
        depth = len(found[1]) // 2
        path = [*path[:depth], found[2]]
        if found[3] is not None or comment:
            yield ".".join(path), found[3], " ".join(comment)
        comment = []


def table(text):
    lines = ["| value | default | meaning |", "|---|---|---|"]
    described = {name: meaning for name, _, meaning in rows(text) if meaning}
    for name, default, meaning in rows(text):
        if not meaning and not any(name.startswith(f"{parent}.") for parent in described):
            tools.fail(f"values.yaml: {name} has no comment")
        shown = f"`{default}`" if default is not None else ""
        lines.append(f"| `{name}` | {shown} | {meaning} |".replace("|  |", "| |"))
    return "\n".join(lines) + "\n"


def wanted():
    by_hand = README.read_text().split(MARK)[0]
    return f"{by_hand}{MARK}\n\n{table((tools.CHART / 'values.yaml').read_text())}"


def check(yaml):
    """Yields what is wrong: the table, or a value that it misses."""
    if README.read_text() != wanted():
        yield "charts/tillstream/README.md is not what the comments say: scripts/delivery/chart --write-readme"
    text = (tools.CHART / "values.yaml").read_text()
    named = {name for name, _, _ in rows(text)}
    for name in leaves(yaml.safe_load(text)):
        if not any(name == row or name.startswith(f"{row}.") for row in named):
            yield f"charts/tillstream/README.md misses {name}"
    changed = text.replace("# Replaces the whole prefix", "# Changes the whole prefix")
    if table(changed) == table(text):
        yield "a changed comment is not seen"


def leaves(table_of_values, path=()):
    for key, value in table_of_values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield ".".join((*path, key))


def schema_agrees(yaml):
    """Yields values that the schema does not name, and names of the schema that are no values."""
    schema = json.loads((tools.CHART / "values.schema.json").read_text())
    values = yaml.safe_load((tools.CHART / "values.yaml").read_text())

    def resolve(node):
        return schema["$defs"][node["$ref"].removeprefix("#/$defs/")] if "$ref" in node else node

    def compare(node, value, path):
        node = resolve(node)
        if node.get("type") == "object" and "additionalProperties" not in node and path != ("global",):
            if not path[-1].endswith("Affinity"):
                yield f"values.schema.json: {'.'.join(path)} lets anything in"
        for key, inner in node.get("properties", {}).items():
            # What is empty by default has no keys to compare: settings, resources of one worker, …
            if key not in value and value and (*path, key) not in {("global",)} and path[-1:] not in {("limits",), ("requests",)}:
                yield f"values.schema.json names {'.'.join((*path, key))}, which has no default"
            inner_value = value.get(key)
            yield from compare(inner, inner_value if isinstance(inner_value, dict) else {}, (*path, key))

    yield from compare(schema, values, ())
