"""Reads the schema of a Terraform provider out of its prebuilt CDK bindings.

A provider's schema is inside its binary, which comes from a registry that is not reachable everywhere. The
bindings on PyPI (cdktn-provider-…) were generated from the same schema: for each attribute they say its type and
whether it is required, optional or computed, and for each block how often it may stand. That is read here.
What a provider checks in its own code is not in a schema: patterns of values, arguments that exclude each other.
"""

import io
import re
import tarfile
import zipfile

PLAIN = {"string": "string", "number": "number", "boolean": "bool", "any": "string"}
PROPERTY = re.compile(r"\n    // (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\n")
CLASS = re.compile(r"\n(?:export )?class (\w+) extends [\w.]+ \{")
ARGUMENT = re.compile(r'\n +(\w+): \{\n +value: .*\n +isBlock: (true|false),\n +type: "(\w+)",\n'
                      r' +storageClassType: "(\w+)"')


def sources(wheel, folders):
    """The JavaScript of each folder of the bindings. The archive is read once, for it is large."""
    texts = {folder: {} for folder in folders}
    with zipfile.ZipFile(wheel) as outer:
        inner = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(inner)), mode="r:gz") as archive:
            for member in archive:
                parts = member.name.split("/", 3)  # package/lib/<folder>/<file>
                if len(parts) == 4 and parts[2] in texts and parts[3].endswith(".js"):
                    texts[parts[2]][parts[3]] = archive.extractfile(member).read().decode()
    missing = [folder for folder, files in texts.items() if "index.js" not in files]
    if missing:
        raise SystemExit(f"the provider has nothing called {', '.join(sorted(missing))}")
    return {folder: "\n".join(text for _, text in sorted(files.items())) for folder, files in texts.items()}


class Bindings:
    """The classes of one resource, data source or provider."""

    def __init__(self, text):
        starts = list(CLASS.finditer(text))
        ends = [start.start() for start in starts[1:]] + [len(text)]
        self.classes = {start[1]: text[start.start():end] for start, end in zip(starts, ends)}
        # What the class says about its arguments stands in a function before it, or in a method of the resource.
        self.arguments = {}
        for found in re.finditer(r"\nfunction (\w+)ToHclTerraform\(struct\) \{(.*?)\n\}", text, re.S):
            self.arguments[found[1].lower()] = self.forms(found[2])
        self.root = re.search(r"class (\w+) extends \w+\.Terraform(?:Resource|DataSource|Provider) ", text)[1]
        self.arguments[self.root.lower()] = self.forms(self.classes[self.root].split("synthesizeHclAttributes()")[1])
        self.write_only = set(re.findall(r"\n +(\w+): this\.markWriteOnlyAttribute\(", text))

    @staticmethod
    def forms(text):
        return {found[1]: (found[2] == "true", found[3], found[4]) for found in ARGUMENT.finditer(text)}

    def block(self, name=None):
        """The attributes and blocks of a class, by default those of the resource."""
        forms = self.arguments.get((name or self.root).lower(), {})
        attributes, blocks = {}, {}
        properties = PROPERTY.split(self.classes[f"{name}OutputReference" if name else self.root])
        for key, computed, optional, required, body in zip(*(properties[index::5] for index in range(1, 6))):
            is_block, form, _ = forms.get(key, (False, "", ""))
            nested = self.nested(key, body)
            if nested and is_block:
                child, shape = nested
                nesting = "single" if key == "timeouts" else "set" if form == "set" else "list"
                blocks[key] = {"nesting": nesting, "min": int(required == "true"),
                               "max": int(shape == "OutputReference" and nesting != "single"),
                               "block": self.block(child)}
                continue
            attributes[key] = {"type": self.type(key, body, forms), "computed": computed == "true",
                               "optional": optional == "true", "required": required == "true"}
            if not name and key in self.write_only:
                attributes[key]["write_only"] = True
        return {"attributes": attributes, "blocks": blocks}

    def nested(self, key, body):
        """The class that an attribute or block is made of, and whether it is one, a list or a map."""
        found = re.search(rf'new (?:\w+\.)?(\w+?)(List|OutputReference|Map)\(this, "{key}"', body)
        return (found[1], found[2]) if found and f"{found[1]}OutputReference" in self.classes else None

    def type(self, key, body, forms):
        if nested := self.nested(key, body):
            child, shape = nested
            inner = self.block(child)
            fields = {name: attribute["type"] for name, attribute in inner["attributes"].items()}
            fields |= {name: [block["nesting"], self.object(block["block"])] for name, block in inner["blocks"].items()}
            return [self.collection(shape, body), ["object", fields]]
        if key in forms:
            _, form, storage = forms[key]
            # The provider's own nested blocks have no class; none of them is used here.
            plain = PLAIN.get(re.sub(r"(List|Map)+$", "", storage), "string")
            return plain if form == "simple" else [form, plain]
        found = re.search(r"new cdktn\.(String|Number|Boolean|Any)(List|Map)\(", body)
        found = found or re.search(r"get(String|Number|Boolean|Any|)(List|Map|)Attribute\(", body)
        if not found:
            return "string"
        plain = PLAIN[found[1].lower() or "string"]
        return [self.collection(found[2], body), plain] if found[2] else plain

    def object(self, block):
        fields = {name: attribute["type"] for name, attribute in block["attributes"].items()}
        return ["object", fields | {name: [inner["nesting"], self.object(inner["block"])]
                                    for name, inner in block["blocks"].items()}]

    @staticmethod
    def collection(shape, body):
        if shape == "Map":
            return "map"
        return "set" if "Fn.tolist(" in body else "list"


def read(wheel, provider, resources, data):
    """The schema of what is named, such as `google_compute_network`, and of the provider's own block."""
    folders = {name: name.removeprefix(f"{provider}_").replace("_", "-") for name in resources}
    folders |= {f"data {name}": "data-" + name.replace("_", "-") for name in data}
    texts = sources(wheel, {*folders.values(), "provider"})
    return {
        "provider": Bindings(texts["provider"]).block(),
        "resources": {name: Bindings(texts[folders[name]]).block() for name in resources},
        "data": {name: Bindings(texts[folders[f"data {name}"]]).block() for name in data},
    }
