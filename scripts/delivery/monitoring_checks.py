"""Checks of alert rules, their tests and pages, Alertmanager, Prometheus and Grafana, without any of these programs."""

import json
import re

import promql_parser
import yaml

ALERTS = "charts/tillstream/files/alerts"
DASHBOARDS = "charts/tillstream/files/dashboards"
PAGES = "docs/operations/alerts"
NAMES = "charts/tillstream/files/metrics"
PAGE_URL = "https://github.com/tillstream/tillstream/blob/main/docs/operations/alerts/"
SEVERITIES = {"page", "ticket", "none"}
JOBS = {"tillstream-edge", "tillstream-sales-worker", "tillstream-stock-worker", "tillstream-receipts-worker",
        "tillstream-identity-worker", "nats", "postgres"}
# What Prometheus makes itself.
BUILT_IN = {"up", "ALERTS", "ALERTS_FOR_STATE"}


def load(path):
    """A YAML file; raises ValueError with its name."""
    try:
        return yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path.name}: {error}") from error


def rule_files(root):
    return sorted((root / ALERTS).glob("*.yml"))


def rules(root):
    """Every rule, with the file that it is in."""
    for path in rule_files(root):
        for group in load(path)["groups"]:
            for rule in group["rules"]:
                yield path, rule


def kebab(alert):
    return re.sub(r"(?<!^)(?=[A-Z])", "-", alert.removeprefix("Tillstream")).lower()


def selectors(expression):
    """(metric name, {label: value of an equality}) of every selector of a query; raises ValueError."""
    try:
        tree = promql_parser.parse(expression)
    except Exception as error:  # the parser raises no narrower type
        raise ValueError(str(error)) from error
    found = []

    def visit(node):
        if isinstance(node, promql_parser.VectorSelector):
            matchers = {m.name: m.value for m in node.matchers.matchers if m.op == promql_parser.MatchOp.Equal}
            found.append((node.name or matchers.get("__name__"), matchers))
        for part in ("expr", "lhs", "rhs", "param", "vector_selector"):
            child = getattr(node, part, None)
            if isinstance(child, promql_parser.Expr):
                visit(child)
        if isinstance(node, promql_parser.Call):
            for child in node.args:
                visit(child)

    visit(tree)
    return found


def check_rules(root):
    """Every rule parses, is named well, and says what an alert must say."""
    problems, groups, recorded, alerts = [], set(), set(), set()
    try:
        listed = list(rules(root))
        for path in rule_files(root):
            for group in load(path)["groups"]:
                if group["name"] in groups:
                    problems.append(f"{path.name}: group {group['name']} is there twice")
                groups.add(group["name"])
    except ValueError as error:
        return [str(error)]
    for path, rule in listed:
        name = rule.get("record") or rule["alert"]
        where = f"{path.name}: {name}"
        try:
            used = selectors(rule["expr"])
        except ValueError as error:
            problems.append(f"{where}: {error}")
            continue
        problems += [f"{where}: the job {m['job']} is scraped by nobody" for _, m in used if m.get("job", "nats") not in JOBS]
        if "record" in rule:
            if not re.fullmatch(r"[a-z]+:[a-z_]+:[a-z0-9_]+", name):
                problems.append(f"{where}: a recorded series is named level:metric:operation")
            recorded.add(name)
            continue
        problems += [f"{where}: {problem}" for problem in alert_problems(rule)]
        key = (name, rule.get("labels", {}).get("severity"))
        if key in alerts:
            problems.append(f"{where}: is there twice as a {key[1]}")
        alerts.add(key)
    for path, rule in listed:
        for name, _ in selectors_or_none(rule["expr"]):
            if ":" in (name or "") and name not in recorded:
                problems.append(f"{path.name}: {name} is recorded by no rule")
    return problems


def selectors_or_none(expression):
    try:
        return selectors(expression)
    except ValueError:
        return []


def alert_problems(rule):
    notes = rule.get("annotations", {})
    if not rule["alert"].startswith("Tillstream"):
        yield "the name of an alert starts with Tillstream"
    if rule.get("labels", {}).get("severity") not in SEVERITIES:
        yield f"severity is one of {', '.join(sorted(SEVERITIES))}"
    for key in ("summary", "description"):
        if not notes.get(key, "").strip():
            yield f"has no {key}"
    if notes.get("runbook_url") != f"{PAGE_URL}{kebab(rule['alert'])}.md":
        yield "runbook_url does not lead to its page"


def check_pages(root):
    """Every alert has a page that says what it means, how to see and how to mend; no page is left over."""
    alerts = {rule["alert"] for _, rule in rules(root) if "alert" in rule}
    problems = []
    for alert in sorted(alerts):
        page = root / PAGES / f"{kebab(alert)}.md"
        if not page.exists():
            problems.append(f"{alert} has no page {page.name}")
            continue
        text = page.read_text()
        if not text.startswith(f"# {alert}\n"):
            problems.append(f"{page.name} does not begin with the alert's name")
        for section in ("## What it means", "## How to see it", "## How to mend it"):
            _, found, rest = text.partition(f"\n{section}\n")
            if not found or len(rest.split("\n## ")[0].strip()) < 40:
                problems.append(f"{page.name}: {section[3:]} is missing or says nothing")
    wanted = {f"{kebab(alert)}.md" for alert in alerts} | {"README.md"}
    problems += [f"{page.name} belongs to no alert" for page in sorted((root / PAGES).glob("*.md")) if page.name not in wanted]
    index = (root / PAGES / "README.md").read_text()
    problems += [f"README.md does not list {alert}" for alert in sorted(alerts) if f"({kebab(alert)}.md)" not in index]
    return problems


def check_tests(root):
    """Every alert, in each severity, has a test in which it fires, and one in which it is silent."""
    fires, silent = set(), set()
    for path in sorted((root / ALERTS / "tests").glob("*.yml")):
        for test in load(path)["tests"]:
            for case in test.get("alert_rule_test", []):
                expected = case.get("exp_alerts") or []
                fires |= {(case["alertname"], alert["exp_labels"]["severity"]) for alert in expected}
                if not expected:
                    silent.add(case["alertname"])
    problems = []
    for _, rule in rules(root):
        if "alert" not in rule:
            continue
        key = (rule["alert"], rule["labels"]["severity"])
        if key not in fires:
            problems.append(f"no test in which {key[0]} fires as a {key[1]}")
        if key[0] not in silent and rule["expr"] != "vector(1)":
            problems.append(f"no test in which {key[0]} is silent")
    return problems


def check_names(root):
    """Every metric that a rule or a panel uses is one that a running system was seen to expose."""
    known = known_names(root)
    problems = [f"{where} uses {name}, which no list in {NAMES} has"
                for where, name in sorted(used_names(root)) if name not in known]
    recorded = {rule["record"] for _, rule in rules(root) if "record" in rule}
    problems += [f"{path.name} uses {name}, which no rule records" for path in sorted((root / DASHBOARDS).glob("*.json"))
                 for _, expression in queries(json.loads(path.read_text())) for name, _ in selectors_or_none(expression)
                 if ":" in (name or "") and name not in recorded]
    return problems


def known_names(root):
    """Our own names, as a test took them from running parts, and those of others."""
    return {line.strip() for path in (root / NAMES).glob("*.txt") for line in path.read_text().splitlines()
            if line.strip() and line[0] != "#"}


def used_names(root):
    """(where, metric name) of all rules and panels, but for what rules record and Prometheus makes."""
    found = set()
    for path, rule in rules(root):
        found |= {(path.name, name) for name, _ in selectors_or_none(rule["expr"])}
    for path in sorted((root / DASHBOARDS).glob("*.json")):
        for _, expression in queries(json.loads(path.read_text())):
            found |= {(path.name, name) for name, _ in selectors_or_none(expression)}
    return {(where, name) for where, name in found if name and ":" not in name and name not in BUILT_IN}


def panels(dashboard):
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def queries(dashboard):
    """(title of the panel or variable, query with Grafana's own variables filled in)."""
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            yield panel["title"], filled(target["expr"])
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            inner = re.fullmatch(r"label_values\((.*), *\w+\)", variable["query"]["query"])
            yield variable["name"], filled(inner[1] if inner else variable["query"]["query"])


def filled(expression):
    expression = re.sub(r"\$__(rate_interval|interval|range)\b", "5m", expression)
    return re.sub(r"\$\{?\w+\}?", "x", expression)


def check_dashboards(root):
    """Dashboards parse, and have what people and provisioning rely on."""
    problems, uids = [], {}
    for path in sorted((root / DASHBOARDS).glob("*.json")):
        try:
            dashboard = json.loads(path.read_text())
        except ValueError as error:
            problems.append(f"{path.name}: {error}")
            continue
        uid = dashboard.get("uid")
        if uid != f"tillstream-{path.stem}":
            problems.append(f"{path.name}: its uid is tillstream-{path.stem}, so that links to it last")
        if uid in uids:
            problems.append(f"{path.name}: has the uid of {uids[uid]}")
        uids[uid] = path.name
        if dashboard.get("id") is not None:
            problems.append(f"{path.name}: an id is for one Grafana only: it must be null")
        if not dashboard.get("description", "").strip():
            problems.append(f"{path.name}: has no description")
        if any(source.get("uid") != "${datasource}" for source in sources(dashboard)):
            problems.append(f"{path.name}: names a data source of its own")
        variables = {variable["name"] for variable in dashboard["templating"]["list"]}
        if "datasource" not in variables:
            problems.append(f"{path.name}: has no variable for the data source")
        problems += [f"{path.name}: {problem}" for panel in panels(dashboard) for problem in panel_problems(panel, variables)]
        ids = [panel["id"] for panel in [*dashboard["panels"], *panels(dashboard)]]
        if len(set(ids)) < len({id(p) for p in [*dashboard["panels"], *panels(dashboard)]}):
            problems.append(f"{path.name}: two panels have one id")
        problems += [f"{path.name}: {problem}" for problem in overlaps(dashboard)]
        for title, expression in queries(dashboard):
            try:
                selectors(expression)
            except ValueError as error:
                problems.append(f"{path.name}: {title}: {error}")
    return problems or ([] if uids else ["there is no dashboard"])


def sources(part):
    """Every data source that is named anywhere in a dashboard."""
    if isinstance(part, dict):
        if isinstance(part.get("datasource"), dict):
            yield part["datasource"]
        part = list(part.values())
    if isinstance(part, list):
        for child in part:
            yield from sources(child)


def panel_problems(panel, variables):
    title = panel.get("title", "?")
    if not panel.get("description", "").strip():
        yield f"{title}: has no description"
    if panel["type"] == "text":
        return
    if not panel.get("targets"):
        yield f"{title}: asks nothing"
    if not panel.get("fieldConfig", {}).get("defaults", {}).get("unit"):
        yield f"{title}: has no unit"
    if any("datasource" not in part for part in [panel, *panel.get("targets", [])]):
        yield f"{title}: names no data source"
    for used in re.findall(r"\$\{?(\w+)", json.dumps([target["expr"] for target in panel.get("targets", [])])):
        if not used.startswith("__") and used not in variables:
            yield f"{title}: there is no variable {used}"


def overlaps(dashboard):
    """Panels that lie on one another or stick out."""
    taken = {}
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        if place["x"] + place["w"] > 24:
            yield f"{panel['title']}: sticks out"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in taken:
                    yield f"{panel['title']}: lies on {taken[x, y]}"
                    return
                taken[x, y] = panel["title"]


SEEDS = {
    "rules": [
        (f"{ALERTS}/consumers.yml", r"> 60", "> > 60", "ConsumerLagOld"),
        (f"{ALERTS}/services.yml", r"severity: page", "severity: loud", "severity is one of"),
        (f"{ALERTS}/books.yml", r"runbook_url: \S+", "runbook_url: https://example.com", "does not lead"),
        (f"{ALERTS}/services.yml", r'job="tillstream-edge"', 'job="edge"', "scraped by nobody"),
        (f"{ALERTS}/slo-alerts.yml", r"ratio_rate5m", "ratio_rate7m", "recorded by no rule"),
        (f"{ALERTS}/slo-reads.yml", r"slo:errors:ratio_rate3d", "errors_3d", "level:metric:operation"),
    ],
    "pages": [
        (f"{PAGES}/dead-letters.md", r"## How to mend it", "## Further", "How to mend it"),
        (f"{PAGES}/nats-down.md", None, None, "has no page"),
        (f"{PAGES}/left-over.md", None, "# TillstreamLeftOver\n", "belongs to no alert"),
    ],
    "tests": [
        (f"{ALERTS}/tests/books.yml", r"alertname: TillstreamStockDrift", "alertname: TillstreamOther", "TillstreamStockDrift fires"),
        (f"{ALERTS}/books.yml", r"severity: page", "severity: ticket", "fires as a ticket"),
    ],
    "names": [
        (f"{ALERTS}/consumers.yml", r"tillstream_dead_letters", "tillstream_dead_leters", "tillstream_dead_leters"),
        (f"{DASHBOARDS}/broker.json", r"jetstream_stream_total_bytes", "jetstream_stream_bytes", "jetstream_stream_bytes"),
        (f"{DASHBOARDS}/slo.json", r"slo:errors:ratio_rate5m", "slo:errors:ratio_rate7m", "which no rule records"),
    ],
    "dashboards": [
        (f"{DASHBOARDS}/broker.json", r'"uid": "\$\{datasource\}"', '"uid": "P1809F7CD0C75ACF3"', "data source of its own"),
        (f"{DASHBOARDS}/sale-path.json", r'"uid": "tillstream-sale-path"', '"uid": "tillstream-broker"', "has the uid of"),
        (f"{DASHBOARDS}/database.json", r'"description": "[^"]+"', '"description": ""', "has no description"),
        (f"{DASHBOARDS}/database.json", r'"description": "Whether[^"]+"', '"description": ""', "Up: has no description"),
        (f"{DASHBOARDS}/business.json", r'"expr": "sum', '"expr": "sum(', "business.json"),
        (f"{DASHBOARDS}/slo.json", r'"unit": "[^"]+"', '"unit": ""', "has no unit"),
        (f"{DASHBOARDS}/slo.json", r'"x": 0,', '"x": 20,', "sticks out"),
    ],
}
