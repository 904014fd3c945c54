"""A Docker engine of our own, with base images: the real ones where they can be pulled, else stand-ins.

A stand-in bears the name of the image that it stands for, so that the Dockerfile and docker-compose.yml are run as they
are. It is made of Debian and of what this machine has; it lives in this engine alone.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from checking import CACHE, ROOT

STANDINS = Path(__file__).resolve().parent / "images_standins"
SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
VERSION = (ROOT / "version.txt").read_text().strip()
REGISTRY = "ghcr.io/tillstream"
# The stand-in of Rust has the crates of this lock file.
LOCKED = hashlib.sha256((ROOT / "Cargo.lock").read_bytes()).hexdigest()[:16]


class Engine:
    """Runs dockerd in `folder` until the `with` is left; a folder that is given stays, with the images in it."""

    def __init__(self, folder):
        self.keep = folder is not None
        self.folder = Path(folder).resolve() if folder else Path(tempfile.mkdtemp(prefix="tillstream-engine-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        # Short: the name of a socket has 107 bytes at the most.
        self.run = Path(tempfile.mkdtemp(prefix="engine-", dir="/tmp"))
        self.environment = {**os.environ, "DOCKER_HOST": f"unix://{self.run}/docker.sock", "DOCKER_CLI_HINTS": "false"}
        self.stand_ins = []

    def __enter__(self):
        # Who is asked to stop ends the engine, too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to stop"))
        log = (self.run / "log").open("w")
        self.process = subprocess.Popen(
            ["dockerd", f"--data-root={self.folder}/data", f"--exec-root={self.run}/exec",
             f"--pidfile={self.run}/pid", f"--host=unix://{self.run}/docker.sock"],
            stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + 60
        while self.docker("info", check=False).returncode != 0:
            if time.monotonic() > until or self.process.poll() is not None:
                said = (self.run / "log").read_text()[-2000:]
                self.__exit__()
                raise OSError(f"dockerd does not start: {said}")
            time.sleep(0.5)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # What it leaves mounted, the last first: the network namespace of containers on the host's network.
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for place in reversed(mounted):
            if place.startswith((f"{self.run}/", f"{self.folder}/")):
                subprocess.run(["umount", place], capture_output=True)
        shutil.rmtree(self.run, ignore_errors=True)
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def docker(self, *arguments, check=True, timeout=600, **more):
        run = subprocess.run(["docker", *arguments], env=self.environment, capture_output=True, text=True,
                             timeout=timeout, **more)
        if check and run.returncode != 0:
            raise OSError(f"docker {' '.join(arguments)}: {(run.stdout + run.stderr).strip()[-3000:]}")
        return run

    def has(self, image):
        return self.docker("image", "inspect", image, check=False).returncode == 0

    def inspect(self, image):
        return json.loads(self.docker("image", "inspect", image).stdout)[0]

    def build(self, context, *arguments, timeout=600):
        """`docker build`; the networks and registries of this machine are those of the build."""
        self.docker("build", "--network", "host", *arguments, str(context), timeout=timeout)

    def base(self, image, make):
        """Pulls an image, or makes its stand-in; one that was made for another Cargo.lock is made anew."""
        if self.has(image):
            made_for = (self.inspect(image)["Config"].get("Labels") or {}).get("stand-in")
            if made_for in (None, LOCKED):
                if made_for:
                    self.stand_ins.append(image)
                return
        try:
            pulled = self.docker("pull", "--quiet", image, check=False, timeout=300).returncode == 0
        except subprocess.TimeoutExpired:
            pulled = False
        if not pulled:
            make(self, image)
            self.stand_ins.append(image)


def missing():
    """What keeps an engine from running here; None if nothing does."""
    if os.geteuid() != 0:
        return "root, to run a Docker engine"
    needed = {"dockerd": "docker.io", "docker": "docker.io", "debootstrap": "debootstrap", "iptables": "iptables"}
    packages = sorted({package for program, package in needed.items() if not shutil.which(program)})
    if packages and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
            subprocess.run(["apt-get", *command], env=environment, capture_output=True)
    left = [program for program in needed if not shutil.which(program)]
    return f"{', '.join(left)}" if left else None


def rust(engine, image):
    """The toolchain of this machine, and the crates that the lock file names."""
    debian(engine)
    sysroot = Path(subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True).stdout.strip())
    subprocess.run(["cargo", "fetch", "--locked", "--quiet"], cwd=ROOT, check=True)
    registry = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo")) / "registry"
    with tempfile.TemporaryDirectory(dir=engine.folder) as context:
        for part in ("bin", "lib", "libexec"):
            shutil.copytree(sysroot / part, Path(context) / "toolchain" / part, symlinks=True)
        for part in ("cache", "index"):
            shutil.copytree(registry / part, Path(context) / "registry" / part)
        make(STANDINS / "rust.Dockerfile", engine, image, context)


def runtime(engine, image):
    debian(engine)
    with tempfile.TemporaryDirectory(dir=engine.folder) as context:
        make(STANDINS / "runtime.Dockerfile", engine, image, context)


def proxy(engine, image):
    debian(engine)
    with tempfile.TemporaryDirectory(dir=engine.folder) as context:
        make(STANDINS / "proxy.Dockerfile", engine, image, context)


def servers():
    """The folders of PostgreSQL 18 and of nats-server, fetched by hash."""
    folder = CACHE / "servers"
    subprocess.run([str(ROOT / "scripts" / "services"), "--require-wheels", "--dir", str(folder)], check=True,
                   capture_output=True)
    found = json.loads((folder / "services.json").read_text())
    return folder / found["postgres_bin"], folder / found["nats_server"]


def postgres(engine, image):
    debian(engine)
    with tempfile.TemporaryDirectory(dir=engine.folder) as context:
        # With the libraries, which the programs find by their place beside them.
        shutil.copytree(servers()[0].parent.parent.parent, Path(context) / "wheel", symlinks=True)
        shutil.copy(STANDINS / "postgres-entrypoint", context)
        make(STANDINS / "postgres.Dockerfile", engine, image, context)


def nats(engine, image):
    debian(engine)
    with tempfile.TemporaryDirectory(dir=engine.folder) as context:
        shutil.copy(servers()[1], Path(context) / "nats-server")
        make(STANDINS / "nats.Dockerfile", engine, image, context)


def monitoring(program):
    """Debian's package of a program, as the image that compose asks for."""
    def maker(engine, image):
        debian(engine)
        with tempfile.TemporaryDirectory(dir=engine.folder) as context:
            if not engine.has("monitoring:stand-in"):
                engine.build(context, "--quiet", "--file", str(STANDINS / "monitoring.Dockerfile"), "--tag", "monitoring:stand-in")
            (Path(context) / "Dockerfile").write_text(f'FROM monitoring:stand-in\nENTRYPOINT ["{program}"]\n')
            make(Path(context) / "Dockerfile", engine, image, context)
    return maker


def busybox(engine, image):
    debian(engine)
    with tempfile.TemporaryDirectory(dir=engine.folder) as context:
        (Path(context) / "Dockerfile").write_text("FROM debian:stand-in\n")
        make(Path(context) / "Dockerfile", engine, image, context)


def make(file, engine, image, context):
    print(f"images: STAND-IN for {image}, which cannot be pulled here", flush=True)
    engine.build(context, "--quiet", "--label", f"stand-in={LOCKED}", "--file", str(file), "--tag", image)


def debian(engine):
    """What the stand-ins are made from."""
    if engine.has("debian:stand-in"):
        return
    with tempfile.TemporaryDirectory(dir=engine.folder) as temp:
        root = Path(temp) / "root"
        subprocess.run(["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, str(root), MIRROR],
                       check=True, capture_output=True, timeout=1200)
        # What this machine trusts, so that packages are fetched as they are here.
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "etc/ssl/certs/ca-certificates.crt")
        tar = subprocess.Popen(["tar", "-C", str(root), "--exclude=./var/cache/apt/archives/*.deb", "-c", "."],
                               stdout=subprocess.PIPE)
        engine.docker("import", "-", "debian:stand-in", stdin=tar.stdout)
        tar.wait()


def default(file, name):
    """The default of an argument in the Dockerfile or of a variable in docker-compose.yml."""
    text = (ROOT / file).read_text()
    return re.search(rf"^ARG {name}=(\S+)$|\$\{{{name}:-([^}}]+)\}}", text, re.MULTILINE).group(1, 2)


def programs(engine, names, tag=VERSION):
    """Builds our images; the first takes minutes."""
    engine.base(next(filter(None, default("Dockerfile", "RUST_IMAGE"))), rust)
    engine.base(next(filter(None, default("Dockerfile", "RUNTIME_IMAGE"))), runtime)
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    for name in names:
        engine.build(ROOT, "--quiet", "--target", name, "--tag", f"{REGISTRY}/{name}:{tag}",
                     "--build-arg", f"VERSION={VERSION}", "--build-arg", f"REVISION={revision or 'unknown'}", timeout=3600)
