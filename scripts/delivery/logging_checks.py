"""Checks of the way of a log line: Filebeat, Logstash, Elasticsearch, Kibana, without any of these programs."""

import json
import re

import yaml

LOGGING = "charts/tillstream/files/logging"
FILEBEAT = f"{LOGGING}/filebeat"
LOGSTASH = f"{LOGGING}/logstash"
ELASTIC = f"{LOGGING}/elasticsearch"
SAMPLES = f"{LOGGING}/samples"
KIBANA = f"{LOGGING}/kibana/saved-objects.ndjson"
SETUP = f"{LOGGING}/setup.sh"
ARRANGEMENTS = ("compose", "kubernetes")
COMPONENTS = ["edge", "sales-worker", "stock-worker", "receipts-worker", "identity-worker"]


def check_filebeat(root):
    """Both arrangements read containers' lines, decode JSON, keep what is none, and send only to Logstash."""
    problems = []
    for arrangement in ARRANGEMENTS:
        name = f"filebeat.{arrangement}.yml"
        try:
            config = yaml.safe_load((root / FILEBEAT / name).read_text())
        except yaml.YAMLError as error:
            problems.append(f"{name}: {error}")
            continue
        inputs = config.get("filebeat.inputs") or [config["filebeat.autodiscover"]["providers"][0]["templates"][0]["config"][0]]
        for entry in inputs:
            parsers = {key: value for parser in entry["parsers"] for key, value in parser.items()}
            if list(parsers) != ["container", "ndjson"]:
                problems.append(f"{name}: the container's frame is taken off first, then JSON is read")
            ndjson = parsers.get("ndjson", {})
            problems += [f"{name}: ndjson.{key} must be set" for key in ("overwrite_keys", "expand_keys", "add_error_key")
                         if not ndjson.get(key)]
            if ndjson.get("target") != "":
                problems.append(f"{name}: the fields of a line belong to the top")
            if "file_identity.native" not in entry:
                problems.append(f"{name}: short logs would wait, unless files are told apart by inode")
        if [key for key in config if key.startswith("output.")] != ["output.logstash"]:
            problems.append(f"{name}: lines go to Logstash, where secrets are taken out, and nowhere else")
        mapped = fields_of(mapping(root))
        problems += [f"{name}: {field['to']} is not in the mapping" for processor in config["processors"]
                     for field in processor.get("copy_fields", {}).get("fields", []) if field["to"] not in mapped]
    return problems


def plugins(tree, section):
    """The plugins of a section in order, conditions taken apart: [name, options]."""
    def walk(entries):
        for entry in entries:
            if not isinstance(entry, list) or not entry:
                continue
            if isinstance(entry[0], str) and re.match(r"(if|else if|else)\b", entry[0]):
                yield from walk(entry[1:])
            elif isinstance(entry[0], str):
                yield entry
            else:
                yield from walk(entry)
    for name, body in tree:
        if name == section:
            yield from walk(body)


def check_logstash(root):
    """The pipeline of both arrangements parses, redacts before all else, and sends every line to a stream that has our
    template."""
    from logstash_pipeline_parser import Pipeline

    problems = []
    patterns = json.loads((root / ELASTIC / "index-template.json").read_text())["index_patterns"]
    for arrangement in ARRANGEMENTS:
        text = "\n".join((root / LOGSTASH / name).read_text()
                         for name in ("10-input.conf", "20-filter.conf", f"90-output.{arrangement}.conf"))
        try:
            tree = Pipeline(text).parse()
        except Exception as error:  # the parser raises no narrower type
            problems.append(f"{arrangement}: {str(error)[:300]}")
            continue
        if [name for name, _ in tree] != ["input", "filter", "output"]:
            problems.append(f"{arrangement}: input, filter, output are wanted")
        filters = list(plugins(tree, "filter"))
        if "ruby" not in [name for name, *_ in filters[:2]]:
            problems.append(f"{arrangement}: secrets are to be taken out before lines are sorted")
        outputs = list(plugins(tree, "output"))
        if [name for name, *_ in outputs] != ["elasticsearch"]:
            problems.append(f"{arrangement}: there is one output, Elasticsearch")
        if "data_stream_auto_routing => true" not in text:
            problems.append(f"{arrangement}: the output does not go by the data stream that the filter chose")
    text = (root / LOGSTASH / "20-filter.conf").read_text()
    if found := re.search(r'path => "/usr/share/logstash/scripts/([^"]+)"', text):
        if not (root / LOGSTASH / found[1]).exists():
            problems.append(f"20-filter.conf: there is no script {found[1]}")
    datasets = re.findall(r'"\[data_stream\]\[dataset\]" => "([^"]+)"', text)
    if sorted(datasets) != ["tillstream", "tillstream.servers", "tillstream.unparsed"]:
        problems.append(f"20-filter.conf: sorts lines into {datasets}")
    for dataset in datasets:
        stream = f"logs-{dataset}-default"
        if not any(re.fullmatch(pattern.replace(".", r"\.").replace("*", ".*"), stream) for pattern in patterns):
            problems.append(f"no index template is for {stream}")
    if json.loads(re.search(r"\[labels\]\[component\] in (\[.*?\])", text)[1]) != COMPONENTS:
        problems.append("20-filter.conf: our binaries are not those that it knows")
    return problems


def mapping(root):
    return json.loads((root / ELASTIC / "component-mappings.json").read_text())["template"]["mappings"]


def fields_of(part, prefix=""):
    """{dotted name: its definition} of a mapping."""
    found = {}
    for name, field in part.get("properties", {}).items():
        if "type" in field:
            found[prefix + name] = field
        found |= fields_of(field, f"{prefix}{name}.")
    return found


def leaves(value, fields, prefix=""):
    """(dotted name, value) of a line, down to what the mapping defines or to what is no object."""
    for name, part in value.items():
        path = prefix + name
        if isinstance(part, dict) and path not in fields:
            yield from leaves(part, fields, f"{path}.")
        else:
            yield path, part


def depth(value):
    return 1 + max((depth(part) for part in value.values()), default=0) if isinstance(value, dict) else 0


def misfit(field, value):
    """Why Elasticsearch would refuse the value, or None."""
    kind = field["type"]
    if isinstance(value, list):
        return next((found for part in value if (found := misfit(field, part))), None)
    if kind == "flattened":
        if not isinstance(value, dict):
            return "is no object"
        return "is too deep" if depth(value) > field.get("depth_limit", 20) else None
    if isinstance(value, dict):
        return f"is an object, not {kind}"
    if kind == "date":
        return None if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", str(value)) else "is no date"
    if kind in ("long", "integer"):
        return None if isinstance(value, int) and not isinstance(value, bool) else "is no whole number"
    if kind in ("match_only_text", "wildcard") and not isinstance(value, str):
        return "is no text"
    if isinstance(value, str) and kind in ("keyword", "constant_keyword") and len(value.encode()) > 32766:
        return "is longer than Lucene takes"
    return None


REQUIRED = ["@timestamp", "log.level", "message", "ecs.version", "service.name", "service.version", "service.node.name",
            "event.dataset", "log.logger"]


def check_samples(root):
    """Every line that our binaries write has all fields that a line must have, and each field has a place of its type."""
    paths = sorted((root / SAMPLES).glob("*.ndjson"))
    problems = [f"{path.name}:{number}: {problem}" for path in paths
                for number, line in enumerate(path.read_text().splitlines(), 1) for problem in line_problems(root, line)]
    return problems or ([] if paths else ["there are no samples"])


def line_problems(root, line):
    fields = fields_of(mapping(root))
    try:
        document = json.loads(line)
    except ValueError as error:
        return [f"is no JSON: {error}"]
    found = dict(leaves(document, fields))
    problems = [f"has no {name}" for name in REQUIRED if name not in found]
    for name, value in found.items():
        if name not in fields:
            problems.append(f"{name} is not in the mapping")
        elif why := misfit(fields[name], value):
            problems.append(f"{name} {why}: {value!r}")
    dataset, service = found.get("event.dataset"), found.get("service.name")
    if dataset != f"tillstream.{service}":
        problems.append(f"event.dataset {dataset} is not that of {service}")
    if not str(found.get("ecs.version", "")).startswith("8."):
        problems.append(f"ecs.version {found.get('ecs.version')} is not 8")
    return problems


def check_templates(root):
    """What the templates name is there, lines do not make the mapping grow, and old lines go."""
    template = json.loads((root / ELASTIC / "index-template.json").read_text())
    setup = (root / SETUP).read_text()
    made = re.findall(r'^put (\S+) "?\$(?:files|work)/([^"\s]+)"?', setup, re.M)
    position = {path.split("/")[-1]: number for number, (path, _) in enumerate(made)}
    problems = [f"setup.sh sends {file}, which is not there" for _, file in made
                if file.startswith("elasticsearch/") and not (root / LOGGING / file).exists()]
    index = position.get("tillstream-logs", -1)
    templates = [path for path, _ in made]
    last = templates.index("_index_template/tillstream-logs") if "_index_template/tillstream-logs" in templates else index
    for name in template["composed_of"]:
        if f"_component_template/{name}" not in templates[:last]:
            problems.append(f"setup.sh does not make {name} before the template that is composed of it")
    settings = json.loads((root / ELASTIC / "component-settings.json").read_text())["template"]["settings"]["index"]
    if f"_ilm/policy/{settings['lifecycle']['name']}" not in templates[:last]:
        problems.append(f"setup.sh does not make the life cycle {settings['lifecycle']['name']}")
    phases = json.loads((root / ELASTIC / "ilm-policy.json").read_text())["policy"]["phases"]
    if "rollover" not in phases["hot"]["actions"] or "delete" not in phases.get("delete", {}).get("actions", {}):
        problems.append("the life cycle must begin new indices and delete old ones")
    if "data_stream" not in template or template["priority"] <= 200:
        problems.append("the template is for data streams, and stands above Elasticsearch's own for logs-*-*")
    if not template["template"]["data_stream_options"]["failure_store"]["enabled"]:
        problems.append("what the mapping refuses must be kept in the failure store")
    mappings = mapping(root)
    if mappings["dynamic"] is not False:
        problems.append("a line must not be able to add fields")
    if fields_of(mappings).get("tillstream", {}).get("type") != "flattened":
        problems.append("tillstream.* has names that nobody lists, so it must be flattened")
    return problems


def check_kibana(root):
    """Saved objects can be read, refer to one another, and ask for fields that there are."""
    objects, problems = {}, []
    for number, line in enumerate((root / KIBANA).read_text().splitlines(), 1):
        try:
            entry = json.loads(line)
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        key = (entry["type"], entry["id"])
        if key in objects:
            problems.append(f"{key} is there twice")
        objects[key] = entry
    fields = fields_of(mapping(root))
    for (kind, name), entry in objects.items():
        where = f"{kind} {name}"
        references = {reference["name"]: (reference["type"], reference["id"]) for reference in entry["references"]}
        problems += [f"{where}: refers to {target}, which is not there" for target in references.values() if target not in objects]
        attributes = entry["attributes"]
        if not attributes.get("title"):
            problems.append(f"{where}: has no title")
        if kind not in ("index-pattern",) and not attributes.get("description"):
            problems.append(f"{where}: has no description")
        used, wanted = asked(kind, attributes)
        problems += [f"{where}: {field} is not in the mapping" for field in sorted(used) if not known(field, fields)]
        problems += [f"{where}: no reference is called {reference}" for reference in wanted if reference not in references]
    kinds = {kind for kind, _ in objects}
    return problems + [f"there is no {kind}" for kind in ("index-pattern", "search", "lens", "dashboard") if kind not in kinds]


def asked(kind, attributes):
    """The fields and the references that an object uses."""
    used, wanted = set(), set()
    source = json.loads(attributes.get("kibanaSavedObjectMeta", {}).get("searchSourceJSON", "{}"))
    queries = [source.get("query", {}).get("query", "")]
    if kind == "search":
        used |= set(attributes["columns"]) | {field for field, _ in attributes["sort"]}
        wanted.add(source["indexRefName"])
    if kind == "lens":
        queries.append(attributes["state"]["query"]["query"])
        for layer, body in attributes["state"]["datasourceStates"]["formBased"]["layers"].items():
            used |= {column["sourceField"] for column in body["columns"].values()} - {"___records___"}
            wanted.add(f"indexpattern-datasource-layer-{layer}")
    if kind == "dashboard":
        wanted |= {f"{panel['panelIndex']}:{panel['panelRefName']}" for panel in json.loads(attributes["panelsJSON"])}
        for name, control in json.loads(attributes.get("controlGroupInput", {}).get("panelsJSON", "{}")).items():
            used.add(control["explicitInput"]["fieldName"])
            wanted.add(f"controlGroup_{name}:optionsListDataView")
    for query in queries:
        used |= set(re.findall(r"([@\w.]+) *:", re.sub(r'"[^"]*"', '""', query)))
    return used, wanted


def known(field, fields):
    return field in fields or any(field.startswith(f"{name}.") for name, entry in fields.items() if entry["type"] == "flattened")


def check_secrets(root):
    """No file of the logging system holds a password."""
    problems = []
    for path in sorted((root / LOGGING).rglob("*")):
        if not path.is_file() or path.name == "redact.rb":
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if found := re.search(r"""(?i)\b(password|secret|token|api_key)\b["']?\s*(=>|[:=])\s*["']?(?!\$|%|\{|,|"|')(\w{4,})""", line):
                problems.append(f"{path.name}:{number}: a {found[1].lower()} is written out")
    return problems


SAMPLE = f"{SAMPLES}/rare.ndjson"
SEEDS = {
    "filebeat": [
        (f"{FILEBEAT}/filebeat.compose.yml", r"add_error_key: true", "add_error_key: false", "add_error_key must be set"),
        (f"{FILEBEAT}/filebeat.kubernetes.yml", r"output\.logstash", "output.elasticsearch", "nowhere else"),
        (f"{FILEBEAT}/filebeat.kubernetes.yml", r"to: labels\.component", "to: labels.part", "labels.part is not in the mapping"),
        (f"{FILEBEAT}/filebeat.compose.yml", r"processors:", "processors: [", "filebeat.compose.yml"),
    ],
    "logstash": [
        (f"{LOGSTASH}/20-filter.conf", r"mutate \{", "mutate", "compose"),
        (f"{LOGSTASH}/20-filter.conf", r"redact\.rb", "redakt.rb", "no script redakt.rb"),
        (f"{LOGSTASH}/20-filter.conf", r'"tillstream\.servers"', '"servers"', "no index template is for logs-servers-default"),
        (f"{LOGSTASH}/20-filter.conf", r"ruby \{\n[^}]*\}", "", "before lines are sorted"),
        (f"{LOGSTASH}/90-output.kubernetes.conf", r"data_stream_auto_routing => true", "", "does not go by"),
    ],
    "samples": [
        (SAMPLE, r'"log\.level": "\w+", ', "", "has no log.level"),
        (SAMPLE, r'"message": "serving"', '"message": {"text": "serving"}', "message"),
        (SAMPLE, r'"tillstream": \{"address": "[^"]*"\}', '"tillstream": "serving"', "is no object"),
        (SAMPLE, r'"error\.type": "panic"', '"error.code": "panic"', "error.code is not in the mapping"),
        (f"{ELASTIC}/component-mappings.json", r'"flattened"', '"keyword"', "is an object, not keyword"),
        (SAMPLE, r'2026-11-23T', "23.11.2026 ", "is no date"),
    ],
    "templates": [
        (SETUP, r"put _component_template/tillstream-logs-mappings.*\n", "", "tillstream-logs-mappings before"),
        (f"{ELASTIC}/component-settings.json", r'"name": "tillstream-logs"', '"name": "logs"', "does not make the life cycle logs"),
        (f"{ELASTIC}/component-mappings.json", r'"dynamic": false', '"dynamic": true', "add fields"),
        (f"{ELASTIC}/index-template.json", r'"priority": 500', '"priority": 100', "stands above"),
    ],
    "kibana": [
        (KIBANA, r'"id":"tillstream-errors","type":"search"', '"id":"tillstream-mistakes","type":"search"', "which is not there"),
        (KIBANA, r'"http\.request\.id","tillstream\.id"', '"http.id","tillstream.id"', "http.id is not in the mapping"),
        (KIBANA, r"\}\n", "\n", "line 1"),
        (KIBANA, r"log\.level : \(", "level : (", "level is not in the mapping"),
    ],
    "secrets": [
        (f"{LOGSTASH}/90-output.compose.conf", r'"\$\{LOGSTASH_WRITER_PASSWORD\}"', '"changeme"', "is written out"),
    ],
}
