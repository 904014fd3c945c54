"""What the Dockerfile must be, beyond what hadolint looks at."""

import re
import subprocess
from pathlib import Path

# The tools of the checks of images and compose.
PINNED = Path(__file__).resolve().parent / "images.txt"
PROGRAMS = ("edge", "sales-worker", "stock-worker", "receipts-worker", "identity-worker", "pos")
# Programs that run until they are stopped, and answer `--health`.
SERVERS = PROGRAMS[:-1]
USER_AT_LEAST = 10_000


def stages(root):
    """The instructions of each stage by its name; those before the first are under ''."""
    text = re.sub(r"^\s*#.*\n", "", (root / "Dockerfile").read_text(), flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", " ", text)
    found, name = {"": []}, ""
    for line in filter(None, (line.strip() for line in text.splitlines())):
        keyword, _, rest = line.partition(" ")
        if keyword == "FROM":
            base, _, name = rest.partition(" AS ")
            found[name] = [("FROM", base)]
        else:
            found[name].append((keyword, rest))
    return found


def linted(hadolint):
    def check(root):
        run = subprocess.run([str(hadolint), "--failure-threshold", "style", str(root / "Dockerfile")],
                             capture_output=True, text=True)
        return (run.stdout + run.stderr).strip().splitlines() if run.returncode else []
    return check


LINT_SEEDS = [
    ("Dockerfile", r"^WORKDIR /src", "WORKDIR src", "DL3000"),
    ("Dockerfile", r"^EXPOSE 8080 9100", "EXPOSE 808000", "DL3011"),
    ("Dockerfile", r"^WORKDIR /src", "WORKDIR /src\nRUN sudo make", "DL3004"),
]


def check_stages(root):
    problems = []
    found = stages(root)
    for name in PROGRAMS:
        if name not in found:
            problems.append(f"there is no target {name}")
            continue
        stage = found[name]
        program = f"/usr/local/bin/{name}"
        if ("FROM", "runtime") not in stage:
            problems.append(f"{name} is not built on the runtime stage")
        if ("ENTRYPOINT", f'["{program}"]') not in stage:
            problems.append(f"{name} does not start {program}, without a shell")
        health = " ".join(rest for keyword, rest in stage if keyword == "HEALTHCHECK")
        if name in SERVERS and f'CMD ["{program}", "--health"]' not in health:
            problems.append(f"{name} does not ask itself whether it is well")
        if any(keyword == "RUN" for keyword, _ in stage):
            problems.append(f"{name} runs something: the runtime has no shell")
    users = [rest for stage in (found.get("runtime", []), *(found.get(name, []) for name in PROGRAMS))
             for keyword, rest in stage if keyword == "USER"]
    if not users or any(not re.fullmatch(r"(\d+):\1", user) or int(user.split(":")[0]) < USER_AT_LEAST for user in users):
        problems.append(f"the user is not a number from {USER_AT_LEAST} on, for user and group: {users}")
    return problems


STAGE_SEEDS = [
    ("Dockerfile", r" AS stock-worker", " AS stocks", "no target stock-worker"),
    ("Dockerfile", r"^USER 10001:10001", "USER 1000:1000", "the user is not a number"),
    ("Dockerfile", r"^USER 10001:10001\n", "", "the user is not a number"),
    ("Dockerfile", r'ENTRYPOINT \["/usr/local/bin/edge"\]', "ENTRYPOINT /usr/local/bin/edge", "without a shell"),
    ("Dockerfile", r'CMD \["/usr/local/bin/sales-worker", "--health"\]', "CMD true", "sales-worker does not ask itself"),
    ("Dockerfile", r"^FROM runtime AS pos", "FROM runtime AS pos\nRUN true", "the runtime has no shell"),
]


def check_bases(root):
    """Bases are arguments, so that a release can name them by digest, with a default that has a version."""
    problems = []
    found = stages(root)
    arguments = dict(rest.split("=", 1) for keyword, rest in found[""] if keyword == "ARG" and "=" in rest)
    for name, stage in found.items():
        for base in (rest for keyword, rest in stage if keyword == "FROM"):
            argument = re.fullmatch(r"\$\{(\w+)\}", base)
            if base not in found and not (argument and argument[1] in arguments):
                problems.append(f"the base of {name}, {base}, is no argument")
    for argument, image in arguments.items():
        if not re.fullmatch(r"[a-z0-9.-]+\.[a-z]+/[\w./-]+(:[\w.-]*\w\d*[\w.-]*|@sha256:[0-9a-f]{64})", image) or image.endswith(":latest"):
            problems.append(f"{argument}={image} names no registry and version")
    # One builder has these, the other does not.
    for name, stage in found.items():
        for keyword, rest in stage:
            if (keyword == "RUN" and "--mount" in rest) or (keyword in ("COPY", "ADD") and "--chmod" in rest):
                problems.append(f"{keyword} {rest.split()[0]} in {name} does not build everywhere")
            if keyword == "ARG" and re.search(r"(?i)password|secret|token|key", rest):
                problems.append(f"the argument {rest} in {name} would stay in the image's history")
    return problems


BASE_SEEDS = [
    ("Dockerfile", r"^FROM \$\{RUNTIME_IMAGE\}", "FROM gcr.io/distroless/cc", "is no argument"),
    ("Dockerfile", r"^(ARG RUST_IMAGE=.*):.*", r"\1", "names no registry and version"),
    ("Dockerfile", r"^(ARG RUST_IMAGE=.*):.*", r"\1:latest", "names no registry and version"),
    ("Dockerfile", r"^COPY \. \.", "COPY --chmod=0755 . .", "does not build everywhere"),
    ("Dockerfile", r"^ARG REVISION=unknown", "ARG REVISION=unknown\nARG NPM_TOKEN", "would stay in the image"),
]


def check_manifests(root):
    """Every crate's manifest is copied before the sources, or the layer of the dependencies does not build."""
    copied = {rest.split()[0] for stage in stages(root).values() for keyword, rest in stage
              if keyword == "COPY" and rest.split()[0].endswith("/Cargo.toml")}
    there = {str(path.relative_to(root)) for folder in ("bench", "bins/*", "libs/*")
             for path in root.glob(f"{folder}/Cargo.toml")}
    return [f"{manifest} is not copied" for manifest in sorted(there - copied)] + \
           [f"{manifest} is copied but not there" for manifest in sorted(copied - there)]


MANIFEST_SEEDS = [
    ("Dockerfile", r"^COPY libs/bus/Cargo.toml libs/bus/\n", "", "libs/bus/Cargo.toml is not copied"),
    ("Dockerfile", r"^COPY libs/bus/Cargo.toml libs/bus/", "COPY libs/buss/Cargo.toml libs/buss/", "but not there"),
]


def check_context(root):
    """The builder is given what is listed, and nothing else: a new folder with data or secrets is out by itself."""
    lines = [line for line in (root / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    problems = [] if lines[:1] == ["*"] else ["the first line of .dockerignore is not *: everything would be sent"]
    allowed = {"!.sqlx", "!bench/Cargo.toml", "!bench/src", "!bins", "!libs", "!Cargo.lock", "!Cargo.toml", "!LICENSE"}
    return problems + [f"{line} lets more in than the programs are built from" for line in lines
                       if line.startswith("!") and line not in allowed]


CONTEXT_SEEDS = [
    (".dockerignore", r"^\*$", "target", "everything would be sent"),
    (".dockerignore", r"^!LICENSE", "!LICENSE\n!data", "lets more in"),
]
