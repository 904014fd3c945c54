"""Wrong values, each of which must be refused with the words that its first line names."""

import re

from . import tools

FOLDER = tools.CHART / "tests" / "refused"


def check(helm):
    """Yields values that are not refused, or not for the reason that is meant."""
    files = sorted(FOLDER.glob("*.yaml"))
    if len(files) < 20:
        yield f"{FOLDER} has lost most of its files"
    for file in files:
        expected = re.match(r"# refused: (.+)\n", file.read_text())
        if not expected:
            yield f"{file.name} does not say in its first line with which words it is refused"
            continue
        worked, text = helm.run("template", "tillstream", str(tools.CHART), values=helm.load(file))
        if worked:
            yield f"{file.name} is not refused"
        elif expected[1] not in text:
            yield f"{file.name} is refused, but not with {expected[1]!r}: {text.strip()}"
    # That this check can fail: sound values are not refused.
    if not helm.run("template", "tillstream", str(tools.CHART), values={"edge": {"replicas": 2}})[0]:
        yield "values that are right are refused"
