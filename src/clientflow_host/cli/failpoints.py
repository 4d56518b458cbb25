"""The command that lists where a test may kill or stop a process."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import clientflow_core
from clientflow_core import failpoints
from clientflow_host.cli import LOOK, app
from clientflow_host.cli.options import AsJson
from clientflow_host.cli.tables import print_rows

_COLUMNS: Final = ("name", "where", "between")
_HIT: Final = re.compile(r"failpoints\.hit\(\s*\"([a-z_.]+)\"")


@app.command(name="failpoints", group=LOOK)
def list_failpoints(*, json: AsJson = False) -> None:
    """List the places between two steps at which a test may kill or stop a process.

    CLIENTFLOW_FAILPOINTS asks for it, as NAME=ACTION, with commas between them. The actions are
    exit, raise and sleep:SECONDS; @N behind one is for the Nth time, as in jobs.claimed=exit@3.
    """
    where = _find_hits()
    rows = [
        {"name": name, "where": where.get(name, "-"), "between": between}
        for name, between in sorted(failpoints.NAMES.items())
    ]
    print_rows(rows, columns=_COLUMNS, as_json=json, empty="")


def _find_hits() -> Mapping[str, str]:
    """Give for each failpoint the file and the line at which it is."""
    root = Path(clientflow_core.__file__).parent.parent
    found: dict[str, str] = {}
    for file in sorted(root.glob("clientflow_*/**/*.py")):
        text = file.read_text("utf-8")
        for hit in _HIT.finditer(text):
            line = text.count("\n", 0, hit.start()) + 1
            found[hit[1]] = f"{file.relative_to(root)}:{line}"
    return found
