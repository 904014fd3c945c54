"""The options that the chart gives to our programs are ones that they have; asked of the programs, if they are built."""

import copy
import os
import subprocess
from pathlib import Path

from . import tools
from .rendering import component, title

OURS = ("edge", "sales-worker", "stock-worker", "receipts-worker", "identity-worker", "pos")


def built(name):
    """The newest build of a program, or None."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", tools.ROOT / "target"))
    found = [file for profile in ("debug", "release") if (file := target / profile / name).exists()]
    return max(found, key=lambda file: file.stat().st_mtime, default=None)


def check(release):
    """Complaints about arguments of our containers."""
    helps = {}
    for owner, container in release.containers():
        name = container["image"].rsplit("/", 1)[-1].split(":")[0].split("@")[0]
        if name not in OURS or not (program := built(name)):
            continue
        arguments = container["args"]
        first = next((index for index, argument in enumerate(arguments) if argument.startswith("--")), len(arguments))
        command = (str(program), *arguments[:first])
        if command not in helps:
            run = subprocess.run([*command, "--help"], text=True, capture_output=True, timeout=60)
            helps[command] = run.stdout if run.returncode == 0 else None
        if helps[command] is None:
            yield f"{title(owner)}: there is no `{name} {' '.join(arguments[:first])}`"
            continue
        known = {word.strip(",") for word in helps[command].split() if word.startswith("--")}
        for argument in arguments[first:]:
            if argument.startswith("--") and argument not in known:
                yield f"{title(owner)}: `{name} {' '.join(arguments[:first])}` has no {argument}"


def run(helm):
    missing = [name for name in OURS if not built(name)]
    if missing:
        print(f"NOT RUN: options of {', '.join(missing)}, which are not built")
    releases = [helm.template("with a demo shop", ["values-dev.yaml"], {}),
                helm.template("with a token", [], {"smoke": {"existingSecret": "token"}})]
    for release in releases:
        yield from check(release)
    if "pos" not in missing:
        wrong = releases[0].altered(copy.deepcopy(releases[0].documents))
        job = next(found for found in wrong.of("Job") if component(found) == "setup")
        job["spec"]["template"]["spec"]["containers"][0]["args"].append("--no-such-option")
        if not any("--no-such-option" in complaint for complaint in check(wrong)):
            yield "an option that pos has not is not found"
