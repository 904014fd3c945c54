"""Programs of Debian, which apt verifies: installed ones, or unpacked into .services, without root."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from checking import CACHE


def program(package, name, *more):
    """The path of a program: an installed one, or that of Debian's package unpacked into the cache; None if neither is
    to be had. `more` are packages that it needs beside what every Debian has; their libraries are in `library_path`."""
    if installed := shutil.which(name):
        return installed
    folder = unpacked(package, *more)
    path = folder / "usr" / "bin" / name if folder else None
    return str(path) if path and path.exists() else None


def unpacked(package, *more):
    """The folder into which a package and more are unpacked, once; None if they are not to be had."""
    folder = CACHE / "debian" / package
    if folder.exists():
        return folder
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
        fresh.rename(folder)
    return folder


def library_path(program):
    """Where the libraries are that were unpacked with a program."""
    usr = Path(program).parent.parent
    return ":".join(str(folder) for folder in (usr / "lib").glob("*-linux-gnu*"))


def user():
    import pwd
    return pwd.getpwuid(os.getuid()).pw_name
