"""Keeps what the tests prove of the production deployment checklist, for the commit they ran on.

What is marked ``proves("DR4")`` answers for that item. The checklist believes it for this very
commit; of a checkout with changes nothing is kept, since nobody could say of what it was true.
"""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from clientflow_core.release import commit

_FILE: Final = Path(__file__).parent.parent / "src/clientflow_host/checklist/proofs.json"
_PROPERTY: Final = "proves"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have each report say which items its test proves; it comes from another process, maybe."""
    for item in items:
        ids = sorted({str(one) for mark in item.iter_markers("proves") for one in mark.args})
        if ids:
            item.user_properties.append((_PROPERTY, ids))


class Proofs:
    """Gathers the outcomes, and writes them down at the end."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test has ended: failed, if any part of it has."""
        properties: dict[str, Any] = dict(report.user_properties)
        ids: list[str] = properties.get(_PROPERTY, [])
        for item_id in ids:
            outcomes = self.items.setdefault(item_id, {})
            worse = report.outcome == "failed" or report.when == "call" or report.skipped
            if worse and outcomes.get(report.nodeid) != "failed":
                outcomes[report.nodeid] = report.outcome

    def pytest_sessionfinish(self) -> None:
        """Add them to those of earlier runs on the same commit."""
        if not self.items or not _is_clean():
            return
        kept = _read()
        for item_id, outcomes in self.items.items():
            kept.setdefault(item_id, {}).update(outcomes)
        whole = {"commit": commit(), "items": dict(sorted(kept.items()))}
        _FILE.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")


def _read() -> dict[str, dict[str, str]]:
    try:
        read: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(read["items"]) if read.get("commit") == commit() else {}


def _is_clean() -> bool:
    if commit() is None:
        return False
    asked = ["git", "-c", "safe.directory=*", "status", "--porcelain"]
    status = subprocess.run(asked, cwd=_FILE.parent, capture_output=True, text=True, check=False)
    return status.returncode == 0 and not status.stdout.strip()
