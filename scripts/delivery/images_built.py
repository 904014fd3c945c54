"""What a built image must be, and how large it is."""

import gzip
import json
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

import images_engine as engines
from images_checks import SERVERS

LABELS = ("title", "description", "licenses", "revision", "source", "vendor", "version")
# Nothing by these names belongs in an image without a shell.
TOOLS = {"sh", "bash", "dash", "busybox", "apt", "apt-get", "dpkg", "apk", "curl", "wget", "perl", "python3"}
CLOSED = ("--rm", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")


def check_image(engine, name, image):
    problems = []
    config = engine.inspect(image)["Config"]
    if config["User"] != "10001:10001":
        problems.append(f"it runs as {config['User'] or 'root'}")
    if config["Entrypoint"] != [f"/usr/local/bin/{name}"] or config["Cmd"]:
        problems.append(f"it starts {config['Entrypoint']} {config['Cmd'] or ''}")
    labels = config["Labels"] or {}
    problems += [f"it has no label {label}" for label in LABELS if not labels.get(f"org.opencontainers.image.{label}")]
    if labels.get("org.opencontainers.image.version") != engines.VERSION:
        problems.append("its version is not that of version.txt")
    health = (config.get("Healthcheck") or {}).get("Test")
    if health != (["CMD", f"/usr/local/bin/{name}", "--health"] if name in SERVERS else ["NONE"]):
        problems.append(f"its health check is {health}")
    for member in files(engine, image):
        if Path(member.name).name in TOOLS and member.mode & 0o111 and not member.isdir():
            problems.append(f"it has {member.name}")
        if member.isfile() and member.mode & 0o6000:
            problems.append(f"{member.name} runs with the rights of another user")
        if member.name.startswith("usr/local/bin/") and (member.uid != 0 or member.mode & 0o022):
            problems.append(f"{member.name} could be changed by who runs it")
    return problems


def files(engine, image):
    """What is in an image, as entries of a tar archive."""
    container = engine.docker("create", image).stdout.strip()
    try:
        with tempfile.NamedTemporaryFile(dir=engine.folder) as temp:
            engine.docker("export", "--output", temp.name, container)
            with tarfile.open(temp.name) as archive:
                return archive.getmembers()
    finally:
        engine.docker("rm", container)


def check_run(engine, name, image):
    problems = []
    run = engine.docker("run", *CLOSED, image, "--help", check=False)
    if run.returncode != 0 or "Usage:" not in run.stdout:
        problems.append(f"--help says: {run.stdout}{run.stderr}")
    run = engine.docker("run", *CLOSED, image, "--version", check=False)
    if run.stdout.split()[-1:] != [engines.VERSION]:
        problems.append(f"--version says: {run.stdout}{run.stderr}")
    if name in SERVERS:
        run = engine.docker("run", *CLOSED, image, "--health", check=False)
        if run.returncode != 1 or "not ready" not in run.stderr and "refused" not in run.stderr:
            problems.append(f"--health, with nobody there, says: {run.returncode} {run.stdout}{run.stderr}")
        missing = "/etc/tillstream/secrets/none"
        run = engine.docker("run", *CLOSED, "--env", f"TILLSTREAM__BUS__PASSWORD_FILE={missing}", image, check=False)
        if run.returncode != 1 or missing not in run.stderr:
            problems.append(f"without its secrets it says: {run.returncode} {run.stdout}{run.stderr}")
    return problems


def check_sbom(engine, syft, name, image, folder):
    """The crates and, with the real base, Debian's packages."""
    run = subprocess.run([str(syft), "scan", f"docker:{image}", "--quiet", "--output", "spdx-json",
                          "--select-catalogers", "+rust-cargo-lock-cataloger"],
                         env={**engine.environment, "SYFT_CHECK_FOR_APP_UPDATE": "false"}, capture_output=True, text=True)
    if run.returncode != 0:
        return [run.stderr.strip()]
    names = {package["name"] for package in json.loads(run.stdout)["packages"]}
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.spdx.json").write_text(run.stdout)
    return [f"{crate} is not in it" for crate in ("tokio", "sqlx", "async-nats", "tillstream-domain") if crate not in names]


def bad_images(engine):
    """Images made badly, each of which must be found."""
    good = f"{engines.REGISTRY}/edge:{engines.VERSION}"
    bad = "tillstream-bad"
    seeds = [
        ("USER 0:0", "it runs as 0:0"),
        ("COPY --from=debian:stand-in /bin/dash /bin/sh" if engine.has("debian:stand-in") else "ENTRYPOINT []", "it "),
        ('LABEL org.opencontainers.image.version="9.9.9"', "its version is not"),
        ("HEALTHCHECK NONE", "its health check is"),
        ('ENTRYPOINT ["/usr/local/bin/edge", "--sample-config"]', "it starts"),
        ("COPY --chown=10001 Cargo.lock /usr/local/bin/edge", "could be changed"),
    ]
    problems = []
    for line, expected in seeds:
        with tempfile.TemporaryDirectory() as context:
            (Path(context) / "Dockerfile").write_text(f"FROM {good}\n{line}\n")
            (Path(context) / "Cargo.lock").write_text("")
            engine.build(context, "--quiet", "--tag", bad)
        found = check_image(engine, "edge", bad)
        if not any(expected in problem for problem in found):
            problems.append(f"{line!r} gave {found or 'no problem'}, not {expected!r}")
    with tempfile.TemporaryDirectory() as context:
        (Path(context) / "Dockerfile").write_text(f'FROM {good}\nENTRYPOINT ["/none"]\n')
        engine.build(context, "--quiet", "--tag", bad)
    if not check_run(engine, "edge", bad):
        problems.append("an image that does not start was not found")
    engine.docker("rmi", "--force", bad)
    return problems


def sizes(engine, names):
    """A table: on the disk, and as it is pulled."""
    print("images: image, MB on disk, MB compressed")
    for name in names:
        image = f"{engines.REGISTRY}/{name}:{engines.VERSION}"
        with tempfile.NamedTemporaryFile(dir=engine.folder) as temp:
            engine.docker("save", "--output", temp.name, image)
            packed = 0
            with open(temp.name, "rb") as archive, open(os.devnull, "wb") as nowhere:
                counted = Counted(nowhere)
                with gzip.GzipFile(fileobj=counted, mode="wb", compresslevel=6) as pack:
                    while block := archive.read(1 << 20):
                        pack.write(block)
                packed = counted.bytes
        print(f"images:   {name:16} {engine.inspect(image)['Size'] / 1e6:6.1f} {packed / 1e6:6.1f}", flush=True)


class Counted:
    """Counts what is written."""

    def __init__(self, to):
        self.to, self.bytes = to, 0

    def write(self, data):
        self.bytes += len(data)
        return self.to.write(data)

    def flush(self):
        self.to.flush()
