"""Gets tools from PyPI, pinned by hash, into the folder that git ignores."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / ".services" / "delivery"
PIP = [sys.executable, "-m", "pip"]
QUIET = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes"]


class Missing(Exception):
    """A tool cannot be had here. The text says which and why."""


def pip(*arguments):
    run = subprocess.run([*PIP, *arguments], capture_output=True, text=True)
    if run.returncode != 0:
        reason = (run.stderr.strip().splitlines() or ["pip says nothing"])[-1]
        raise Missing(f"pip cannot get it: {reason}")


def kept(name, text, fill):
    """The folder for `text`, filled once. It gets its name last, so that one with this name is complete."""
    digest = hashlib.sha256(f"{sys.version_info[:2]}{sys.platform}{text}".encode()).hexdigest()[:12]
    folder = CACHE / f"{name}-{digest}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        print(f"{name}: getting it", flush=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="fetch-") as temp:
            fresh = Path(temp) / "fresh"
            fresh.mkdir()
            fill(fresh)
            try:
                fresh.rename(folder)
            except OSError:
                if not folder.exists():  # else another run was quicker
                    raise
        for old in CACHE.glob(f"{name}-*"):
            if old != folder and re.fullmatch(re.escape(name) + r"-[0-9a-f]{12}", old.name):
                shutil.rmtree(old, ignore_errors=True)
    return folder


def installed(name, requirements):
    """A folder with the packages of a file of requirements, for PYTHONPATH; its programs are in bin/."""
    return kept(name, requirements.read_text(),
                lambda folder: pip("install", *QUIET, "--root-user-action=ignore", "--target", str(folder),
                                   "-r", str(requirements)))


def requirement(requirements, package):
    """One package of a file of requirements, with its hashes."""
    text = requirements.read_text().replace("\\\n", " ")
    return next(line for line in text.splitlines() if line.startswith(f"{package}=="))


def download(requirements, package, into):
    """The wheel of one package."""
    wanted = into / "wanted.txt"
    wanted.write_text(requirement(requirements, package) + "\n")
    pip("download", *QUIET, "--dest", str(into), "-r", str(wanted))
    return next(into.glob("*.whl"))


def environment(*folders):
    """That of a program that uses packages from these folders."""
    path = os.pathsep.join(str(folder) for folder in folders)
    return {**os.environ, "PYTHONPATH": path, "PATH": f"{folders[0] / 'bin'}{os.pathsep}{os.environ['PATH']}"}
