"""What the checks of monitoring and logging share: their tools, and the rule that every check is seen to fail.

Wheels are pinned by hash in monitoring.txt; programs are Debian packages, which apt verifies. Both go into .services,
without root; nothing is installed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / ".services" / "delivery"
WHEELS = Path(__file__).resolve().parent / "monitoring.txt"


def wheels():
    """Puts the pinned wheels on the path of this process. False where they cannot be had."""
    folder = CACHE / f"wheels-{sys.version_info.major}.{sys.version_info.minor}"
    done = folder / WHEELS.name
    if not done.exists() or done.read_bytes() != WHEELS.read_bytes():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="fetch-") as temp:
            fresh = Path(temp) / "wheels"
            run = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                                  "--no-deps", "--only-binary=:all:", "--require-hashes", "--root-user-action=ignore",
                                  "--target", str(fresh), "-r", str(WHEELS)], capture_output=True, text=True)
            if run.returncode != 0:
                print(run.stderr.strip(), file=sys.stderr)
                return False
            shutil.copy(WHEELS, fresh / WHEELS.name)
            shutil.rmtree(folder, ignore_errors=True)
            try:
                fresh.rename(folder)
            except OSError:
                if not done.exists():  # else another run was quicker
                    raise
    sys.path.insert(0, str(folder))
    return True


def debian(package, program, *more):
    """The path of a program: an installed one, or that of Debian's package unpacked into the cache; None if neither is
    to be had. `more` are packages that it needs beside what every Debian has; their libraries are in `library_path`."""
    if installed := shutil.which(program):
        return installed
    folder = CACHE / "debian" / package
    path = folder / "usr" / "bin" / program
    if path.exists():
        return str(path)
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        return None
    lists = CACHE / "apt"
    (lists / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (lists / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    # Lists of our own, so that neither root nor an earlier update is needed.
    apt = ["apt-get", "-qq", "-o", f"Dir::State::Lists={lists}/lists", "-o", f"Dir::Cache={lists}/cache",
           "-o", f"APT::Sandbox::User={user()}", "-o", "Debug::NoLocking=1"]
    environment = dict(os.environ, TMPDIR=str(lists))
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="fetch-") as temp:
        download = [*apt, "download", package, *more]
        # First with lists that an earlier package brought, then with fresh ones.
        known = any((lists / "lists").glob("*Packages*"))
        if not known or subprocess.run(download, cwd=temp, env=environment, capture_output=True).returncode != 0:
            subprocess.run([*apt, "update"], env=environment, capture_output=True)
            run = subprocess.run(download, cwd=temp, env=environment, capture_output=True, text=True)
            if run.returncode != 0:
                print(run.stderr.strip(), file=sys.stderr)
                return None
        fresh = Path(temp) / "root"
        for package_file in Path(temp).glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package_file), str(fresh)], check=True)
        folder.parent.mkdir(exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    return str(path) if path.exists() else None


def library_path(program):
    """Where the libraries are that were unpacked with a program."""
    usr = Path(program).parent.parent
    return ":".join(str(folder) for folder in (usr / "lib").glob("*-linux-gnu*"))


def user():
    import pwd
    return pwd.getpwuid(os.getuid()).pw_name


class Checks:
    """Runs checks and tells. A check is a function of a folder that gives a list of problems: strings.

    A seed is (file, old, new, expected): a mistake put into a copy of the folder. `old` is a regular expression; without
    it the file is written anew, and without `new` it is removed. The check must then give a problem in
    which `expected` stands. A check whose seeds are not found is itself a failure.
    """

    def __init__(self, name):
        self.name = name
        self.failed = 0
        self.passed = 0
        self.missing = 0

    def run(self, title, check, seeds):
        problems = check(ROOT)
        proofs = [] if problems else [found for seed in seeds if (found := self.unseen(check, seed))]
        if problems or proofs or not seeds:
            self.failed += 1
            for problem in [*problems, *proofs] or ["no seeded mistake proves this check"]:
                print(f"{self.name}: FAILED {title}: {problem}")
        else:
            self.passed += 1
            print(f"{self.name}: ok {title} ({len(seeds)} seeded mistakes found)", flush=True)

    @staticmethod
    def unseen(check, seed):
        """Why the seeded mistake was not found; None if it was."""
        file, old, new, expected = seed
        with tempfile.TemporaryDirectory(prefix="seed-") as temp:
            for part in ("charts/tillstream/files", "deploy", "docs/operations"):
                if (ROOT / part).exists():
                    shutil.copytree(ROOT / part, Path(temp) / part)
            path = Path(temp) / file
            if new is None:
                path.unlink()
            elif old is None:
                path.write_text(new)
            else:
                text = path.read_text()
                changed = re.sub(old, new, text, count=1)
                if changed == text:
                    return f"the seed {old!r} does not apply to {file}"
                path.write_text(changed)
            problems = check(Path(temp))
        if any(expected in problem for problem in problems):
            return None
        return f"the seeded mistake {old!r} → {new!r} in {file} gave {problems or 'no problem'}, not {expected!r}"

    def not_run(self, what):
        self.missing += 1
        print(f"{self.name}: NOT RUN: {what}")

    def end(self):
        """The closing line, and the exit code."""
        print(f"{self.name}: {self.passed} passed, {self.failed} failed, {self.missing} not run")
        return 1 if self.failed else 0
