"""What the test suite has proven of this very build: ``proofs.json``, which a run of it leaves."""

import enum
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from clientflow_core.release import commit

NAME: Final = "proofs.json"
_FOLDER: Final = Path(__file__).parent


class Proven(enum.StrEnum):
    """How the tests of an item have ended."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class TestProof:
    """What the tests say of an item.

    Attributes:
        proven: whether they hold.
        found: in words.
    """

    proven: Proven
    found: str


def read_proofs() -> "Proofs":
    """Read what is known of this build; nothing, where no suite has run on its commit."""
    try:
        read = json.loads((_FOLDER / NAME).read_text("utf-8"))
        return Proofs(commit=read["commit"], tests=read["items"], built=commit())
    except (OSError, ValueError, KeyError):
        return Proofs(commit=None, tests={}, built=commit())


@attrs.frozen(kw_only=True)
class Proofs:
    """The outcomes of the tests, by item.

    Attributes:
        commit: that they ran on; None if none is known.
        tests: for each item the outcome of each of its tests.
        built: the commit that runs here; None if it is not known.
    """

    commit: str | None
    tests: Mapping[str, Mapping[str, str]]
    built: str | None

    def of(self, item_id: str) -> TestProof:
        """Tell what they say of an item."""
        if self.commit is None:
            return TestProof(proven=Proven.UNKNOWN, found="no result of the tests for this build")
        if self.commit != self.built:
            found = f"the tests ran on commit {self.commit[:12]}, which is another"
            return TestProof(proven=Proven.UNKNOWN, found=found)
        outcomes = self.tests.get(item_id, {})
        if failed := sorted(name for name, how in outcomes.items() if how == "failed"):
            return TestProof(proven=Proven.NO, found=f"failed: {', '.join(failed[:3])}")
        passed = sum(how == "passed" for how in outcomes.values())
        if not passed:
            return TestProof(proven=Proven.UNKNOWN, found="none of its tests has run")
        words = "1 test passed" if passed == 1 else f"{passed} tests passed"
        return TestProof(proven=Proven.YES, found=f"{words} on commit {self.commit[:12]}")
