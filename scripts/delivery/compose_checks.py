"""What docker-compose.yml must be, read as Docker Compose reads it."""

import json
import re
import subprocess

from chart_checks import topology

# Run once and end.
OURS_ONCE = {"secrets", "migrate", "topology", "seed", "pos"}
ONCE = OURS_ONCE | {"monitoring-passwords", "postgres-monitor", "logging-passwords", "logging-setup"}
# Scaled by count: no port and no name of their own.
SCALED = {"edge", "sales-worker", "stock-worker", "receipts-worker", "identity-worker"}
# Who may hold every secret.
TRUSTED = OURS_ONCE
# The root filesystem of these cannot be read-only: why stands in docs/operations/compose.md.
WRITABLE = {"elasticsearch", "kibana", "logstash"}
# Who runs as root, and with which capabilities: to give files to their readers, and to read Docker's log files.
ROOT = {
    "monitoring-passwords": {"CHOWN", "DAC_OVERRIDE", "FOWNER"},
    "logging-passwords": {"CHOWN", "DAC_OVERRIDE", "FOWNER"},
    "filebeat": {"DAC_READ_SEARCH"},
}
# Who asks the engine, on behalf of others: lists, and nothing else.
HOLDS_ENGINE = {"docker-socket-proxy"}
# Who reads which volume of secrets, beside the reader that it is named for.
SHARED = {
    "secrets-postgres": {"postgres-monitor"},
    "secrets-monitoring": {"monitoring-passwords", "postgres-monitor", "postgres-exporter", "grafana"},
    "secrets-logging": {"logging-passwords", "elasticsearch", "logging-setup", "kibana", "logstash"},
}
# Who makes secrets.
MAKERS = {"secrets", "monitoring-passwords", "logging-passwords"}
# What docker-compose.yml shows of our own images, which check themselves.
HEALTH_IN_IMAGE = SCALED
PINNED = re.compile(r"[a-z0-9.-]+\.[a-z]+/[\w./-]+(:v?\d+\.\d+[\w.-]*|@sha256:[0-9a-f]{64})")


def runs(program):
    try:
        return subprocess.run([str(program), "version"], capture_output=True).returncode == 0
    except OSError:
        return False


class Reader:
    """Reads docker-compose.yml with the program itself; needs no engine."""

    def __init__(self, program):
        self.program = str(program)

    def read(self, root, *more):
        """(what is in it, with every profile; or why it cannot be read)"""
        run = subprocess.run([self.program, "--env-file", "/dev/null", "--project-directory", str(root), "--file",
                              str(root / "docker-compose.yml"), "--profile", "*", "config", "--format", "json", *more],
                             capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})
        if run.returncode != 0:
            return None, run.stderr.strip()
        return json.loads(run.stdout), run.stderr.strip()

    def services(self, root):
        found, _ = self.read(root)
        return found["services"] if found else {}

    def check_form(self, root):
        found, said = self.read(root)
        if found is None or said:
            return [said]
        missing = (SCALED | OURS_ONCE | {"proxy", "postgres", "nats"}) - found["services"].keys()
        return [f"there is no service {name}" for name in sorted(missing)]

    def check_services(self, root):
        problems = []
        for name, service in self.services(root).items():
            def wrong(what, service_name=name):
                problems.append(f"{service_name} {what}")
            limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
            for limit in ("cpus", "memory", "pids"):
                if not limits.get(limit):
                    wrong(f"has no limit of {limit}")
            if service.get("cap_drop") != ["ALL"] or set(service.get("cap_add") or []) - ROOT.get(name, set()):
                wrong("keeps capabilities")
            if "no-new-privileges:true" not in service.get("security_opt", []):
                wrong("may gain privileges")
            if service.get("privileged") or "host" in (service.get("pid"), service.get("ipc"), service.get("network_mode")):
                wrong("is not apart from the host")
            if not service.get("read_only") and name not in WRITABLE:
                wrong("can write to its root filesystem")
            if str(service.get("user", "")).split(":")[0] in ("0", "root") and name not in ROOT:
                wrong("runs as root")
            if name not in HOLDS_ENGINE and any("docker.sock" in volume.get("source", "") for volume in service.get("volumes", [])):
                wrong("holds the engine")
            image = service.get("image", "")
            ours = re.fullmatch(r"ghcr\.io/tillstream/[\w-]+:local", image)
            if not ours and not PINNED.fullmatch(image):
                wrong(f"has an image without a version: {image}")
            problems.extend(f"{name} {what}" for what in check_life(name, service))
        return problems

    def check_networks(self, root):
        found, _ = self.read(root)
        if found is None:
            return ["it cannot be read"]
        problems = []
        if not found["networks"]["back"].get("internal"):
            problems.append("the network back leads out")
        for name, service in found["services"].items():
            networks = set(service.get("networks") or {})
            if name in SCALED | OURS_ONCE | {"postgres", "nats"} and networks - {"back"}:
                problems.append(f"{name} is on {networks}: only the proxy meets callers")
            ports = service.get("ports", [])
            if name in SCALED | OURS_ONCE | {"postgres", "nats"} and ports:
                problems.append(f"{name} is open to callers")
            problems += [f"{name} listens on every address of the host" for port in ports
                         if port.get("host_ip") != "127.0.0.1"]
            if name in SCALED and service.get("container_name"):
                problems.append(f"{name} has a name of its own and cannot be scaled")
        return problems

    def check_secrets(self, root):
        problems = []
        services = self.services(root)
        for name, service in services.items():
            for key, value in (service.get("environment") or {}).items():
                secret = re.search(r"(?i)password|secret$|token|key|credential|pepper", key)
                if secret and value and not re.search(r"(?i)_file$", key) and value not in ("true", "false"):
                    problems.append(f"{name} is given {key} in its environment")
                if re.search(r"://[^/@\s]*:[^/@\s]+@", str(value)):
                    problems.append(f"{name} is given a password in {key}")
            for volume in service.get("volumes", []):
                source = volume.get("source", "")
                if source == "secrets" and name not in TRUSTED:
                    problems.append(f"{name} sees every secret")
                if source.startswith("secrets") and name not in MAKERS and not volume.get("read_only"):
                    problems.append(f"{name} could change its secrets")
                readers = {"secrets", source.removeprefix("secrets-"), *SHARED.get(source, ())}
                if source.startswith("secrets-") and name not in readers:
                    problems.append(f"{name} sees the secrets of {source.removeprefix('secrets-')}")
        problems += [f"{name} is not told where its secret is, by {variable}" for name in sorted(SCALED)
                     for variable in secret_settings(name) if variable not in (services.get(name, {}).get("environment") or {})]
        problems += check_copies(services.get("secrets", {}).get("command") or [])
        files = [root / "docker-compose.yml", *sorted((root / "deploy" / "compose").glob("*.yml"))]
        text = "".join(file.read_text() for file in files)
        problems += [f"this looks like a secret: {found[:8]}…" for found in re.findall(r"\b[0-9a-fA-F]{32,}\b", text)]
        return problems


def check_life(name, service):
    """Restarts, and how it is known to be well."""
    restart = service.get("restart")
    if name in ONCE:
        return [] if restart == "no" else [f"is run once and has the restart policy {restart}"]
    problems = [] if restart == "unless-stopped" else [f"has the restart policy {restart}"]
    health = service.get("healthcheck") or {}
    if health.get("disable") or not (health.get("test") or (name in HEALTH_IN_IMAGE and health.get("interval"))):
        problems.append("has no health check")
    return problems


def secret_settings(part):
    """The variables that tell a part where its secrets are."""
    return sorted(f"TILLSTREAM__{key.replace('.', '__').upper()}" for key in topology.secrets(part))


def check_copies(command):
    """Who is given which secret, least of all keys."""
    copies = {}
    for argument in command:
        if found := re.fullmatch(r"--copy=.*/([\w-]+)=(.*)", argument):
            copies[found[1]] = set(found[2].split(","))
    expected = {
        "edge": {"nats-edge", "postgres-edge", "tokens.ed25519", "pins.pepper"},
        "sales-worker": {"nats-sales", "postgres-sales"},
        "stock-worker": {"nats-stock", "postgres-stock"},
        "receipts-worker": {"nats-receipts", "postgres-receipts", "receipts.ed25519"},
        "identity-worker": {"nats-identity", "postgres-identity"},
        "nats": {"nats-authorization.conf"},
        "postgres": {"postgres-owner"},
    }
    return [f"{reader} is given {sorted(copies.get(reader, []))}, not {sorted(names)}"
            for reader, names in expected.items() if copies.get(reader) != names] + \
           [f"{reader} is given secrets" for reader in copies.keys() - expected.keys()]


def check_configurations(root):
    """What durability and the proxy's promises rest on."""
    problems = []
    for file, pattern, why in (
        ("deploy/nats/nats.conf", r"^\s*sync_interval: always$", "NATS acknowledges before a message is on the disk"),
        ("deploy/nats/nats.conf", r'^include "secrets/nats-authorization.conf"$', "NATS lets anybody in"),
        ("deploy/postgres/postgresql.conf", r"^fsync = on$", "PostgreSQL may lose what it committed"),
        ("deploy/postgres/postgresql.conf", r"^synchronous_commit = on$", "PostgreSQL may lose what it committed"),
        ("deploy/proxy/haproxy.cfg", r"^\s*http-request return status 404 .* unless public$", "the proxy shows more than the API"),
        ("deploy/proxy/haproxy.cfg", r"^\s*acl public path_beg /v1/ /docs/$", "the proxy shows more than the API"),
        ("deploy/proxy/haproxy.cfg", r"^\s*http-request disable-l7-retry unless METH_GET or \{ req.hdr\(idempotency-key\) -m found \}$",
         "the proxy repeats what is not safe to repeat"),
        ("deploy/proxy/haproxy.cfg", r"^\s*server-template edge \d+ edge:8080$", "the proxy does not see scaled edges"),
        ("deploy/proxy/haproxy.cfg", r"^\s*default-server .*resolvers docker", "the proxy does not look names up again"),
        ("deploy/proxy/haproxy.cfg", r"^\s*timeout server (3[1-9]|[4-9]\d)s$", "the proxy hangs up before the longest wait is over"),
    ):
        if not re.search(pattern, (root / file).read_text(), re.MULTILINE):
            problems.append(f"{file}: {why}")
    return problems


CONFIGURATION_SEEDS = [
    ("deploy/nats/nats.conf", r"sync_interval: always", 'sync_interval: "2m"', "acknowledges before"),
    ("deploy/nats/nats.conf", r"^include", "# include", "lets anybody in"),
    ("deploy/postgres/postgresql.conf", r"^fsync = on", "fsync = off", "may lose"),
    ("deploy/postgres/postgresql.conf", r"^synchronous_commit = on", "synchronous_commit = off", "may lose"),
    ("deploy/proxy/haproxy.cfg", r"/v1/ /docs/", "/", "shows more than the API"),
    ("deploy/proxy/haproxy.cfg", r" unless public", " if !public FALSE", "shows more than the API"),
    ("deploy/proxy/haproxy.cfg", r"disable-l7-retry unless METH_GET or.*", "disable-l7-retry if FALSE", "not safe to repeat"),
    ("deploy/proxy/haproxy.cfg", r"resolvers docker resolve-prefer", "resolve-prefer", "look names up again"),
    ("deploy/proxy/haproxy.cfg", r"timeout server 65s", "timeout server 20s", "hangs up"),
    ("deploy/proxy/haproxy.cfg", r"server-template edge 16 edge:8080", "server edge edge:8080", "does not see scaled edges"),
]

FILE = "docker-compose.yml"
MONITORING = "deploy/compose/monitoring.yml"
LOGGING = "deploy/compose/logging.yml"

FORM_SEEDS = [
    (FILE, r"^services:", "service:", "service"),
    (FILE, r"memory: 1g", "memory: many", "memory"),
    (FILE, r"^  edge:", "  edges:", "edge"),
    (FILE, r"depends_on: \*migrated", "depends_on: { nobody: { condition: service_healthy } }", "nobody"),
]

SERVICE_SEEDS = [
    (FILE, r"limits: \{ cpus: \"2\", memory: 1g, pids: 256 \}", 'limits: { cpus: "2", pids: 256 }', "postgres has no limit of memory"),
    (FILE, r"cap_drop: \[ALL\]", "cap_drop: [CHOWN]", "keeps capabilities"),
    (FILE, r"  init: false", "  init: false\n  cap_add: [NET_ADMIN]", "keeps capabilities"),
    (FILE, r'security_opt: \["no-new-privileges:true"\]', "security_opt: []", "may gain privileges"),
    (FILE, r"read_only: true", "read_only: false", "can write to its root filesystem"),
    (FILE, r"haproxy:3.2-alpine", "haproxy:latest", "proxy has an image without a version"),
    (FILE, r"haproxy:3.2-alpine", "haproxy", "proxy has an image without a version"),
    (FILE, r'user: "999:999"', 'user: "0:0"', "postgres runs as root"),
    (FILE, r"restart: unless-stopped", 'restart: "no"', "has the restart policy no"),
    (FILE, r"healthcheck: &health \{ interval: 5s", "healthcheck: &health { disable: true, interval: 5s", "has no health check"),
    (FILE, r"  init: false", "  init: false\n  pid: host", "is not apart from the host"),
    (MONITORING, r'user: "472:472"', 'user: "0:0"', "grafana runs as root"),
    (MONITORING, r"cap_add: \[CHOWN,", "cap_add: [SYS_ADMIN,", "monitoring-passwords keeps capabilities"),
    (LOGGING, r"filebeat:9.4.3", "filebeat:latest", "filebeat has an image without a version"),
    (LOGGING, r"/var/lib/docker/containers:/var/lib/docker/containers:ro", "/var/run/docker.sock:/s:ro", "filebeat holds the engine"),
]

NETWORK_SEEDS = [
    (FILE, r"back: \{ internal: true \}", "back: {}", "the network back leads out"),
    (FILE, r"TILLSTREAM_LISTEN:-127.0.0.1:8080", "TILLSTREAM_LISTEN:-8080", "listens on every address"),
    (FILE, r"stop_grace_period: 20s", 'stop_grace_period: 20s\n    ports: ["127.0.0.1:9999:8080"]', "edge is open to callers"),
    (MONITORING, r"GRAFANA_LISTEN:-127.0.0.1:3000", "GRAFANA_LISTEN:-3000", "grafana listens on every address"),
    (FILE, r"stop_grace_period: 20s", "stop_grace_period: 20s\n    container_name: edge", "cannot be scaled"),
    (FILE, r"shm_size: 128m\n    networks: \[back\]", "shm_size: 128m\n    networks: [back, front]", "only the proxy meets callers"),
]

SECRET_SEEDS = [
    (FILE, r"POSTGRES_PASSWORD_FILE: .*", "POSTGRES_PASSWORD: tillstream", "is given POSTGRES_PASSWORD"),
    (FILE, r"^ *TILLSTREAM__TOKENS__KEY_FILE: .*\n", "", "edge is not told where its secret is"),
    (FILE, r"^ *TILLSTREAM__PINS__PEPPER_FILE: .*\n", "", "edge is not told where its secret is"),
    (FILE, r"TILLSTREAM__TOKENS__KEY_FILE: .*", "TILLSTREAM__PINS__PEPPER: salt", "is given TILLSTREAM__PINS__PEPPER"),
    (FILE, r"tillstream_edge@postgres", "tillstream_edge:edge@postgres", "is given a password in"),
    (FILE, r"secrets-edge:/etc/tillstream/secrets:ro", "secrets:/etc/tillstream/secrets:ro", "edge sees every secret"),
    (FILE, r"secrets-edge:/etc/tillstream/secrets:ro", "secrets-edge:/etc/tillstream/secrets", "could change its secrets"),
    (FILE, r"secrets-edge:/etc/tillstream/secrets:ro", "secrets-nats:/etc/tillstream/secrets:ro", "sees the secrets of nats"),
    (FILE, r"postgres-edge,tokens.ed25519", "postgres-edge,receipts.ed25519", "edge is given"),
    (FILE, r"nats-identity,postgres-identity", "nats-identity,postgres-identity,pins.pepper", "identity-worker is given"),
    (MONITORING, r"GF_SECURITY_ADMIN_PASSWORD__FILE: .*", "GF_SECURITY_ADMIN_PASSWORD: admin", "is given GF_SECURITY"),
    (LOGGING, r"ELASTIC_PASSWORD_FILE: .*", "ELASTIC_PASSWORD: changeme", "is given ELASTIC_PASSWORD"),
    (FILE, r"^name: tillstream", "name: tillstream\nx-key: 0123456789abcdef0123456789abcdef", "looks like a secret"),
]
