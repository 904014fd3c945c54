"""Wrong values, each of which must be refused with the words that its first line names."""

import re
from concurrent.futures import ThreadPoolExecutor

from . import tools
from .rendering import PROGRAMS_AT_ONCE

FOLDER = tools.CHART / "tests" / "refused"


def check(helm):
    """Yields values that are not refused, or not for the reason that is meant."""
    files = sorted(FOLDER.glob("*.yaml"))
    if len(files) < 20:
        yield f"{FOLDER} has lost most of its files"
    with ThreadPoolExecutor(PROGRAMS_AT_ONCE) as pool:
        yield from filter(None, pool.map(lambda file: wrong(helm, file), files))
    # That this check can fail: sound values are not refused.
    if not helm.run("template", "tillstream", str(tools.CHART), values={"edge": {"replicas": 2}})[0]:
        yield "values that are right are refused"


def wrong(helm, file):
    """What is wrong with how a file is refused, or None."""
    expected = re.match(r"# refused: (.+)\n", file.read_text())
    if not expected:
        return f"{file.name} does not say in its first line with which words it is refused"
    worked, text = helm.run("template", "tillstream", str(tools.CHART), values=helm.load(file))
    if worked:
        return f"{file.name} is not refused"
    if expected[1] not in text:
        return f"{file.name} is refused, but not with {expected[1]!r}: {text.strip()}"
    return None
