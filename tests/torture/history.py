"""What was said and done, as JSON lines, and a checker that names every loss and every double."""

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

import attrs

OK: Final = "ok"
"""It was acknowledged."""
FAIL: Final = "fail"
"""It was refused, or never arrived: surely not done."""
INFO: Final = "info"
"""No answer came: it may have been done or not."""


class History:
    """What a client has asked for, and what it was told, appended to a file as it happens.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, op: str, name: str, outcome: str, **more: Any) -> None:
        """Note that the asking for *name* by *op* has ended in OK, FAIL or INFO."""
        record = {"op": op, "name": name, "outcome": outcome, "at": time.time(), **more}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def read(self) -> Iterator[dict[str, Any]]:
        """Give all that was noted, in its order."""
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)

    def asked(self, op: str) -> "Asked":
        """Give what was asked for by *op*."""
        return Asked.of(one for one in self.read() if one["op"] == op)


@attrs.frozen
class Asked:
    """What was asked for, and how it ended.

    Attributes:
        acknowledged: the names of what must have been done.
        tried: and of all that may have been; only what was refused each time is not among them.
        retries: how many askings came after one that had no good end.
    """

    acknowledged: frozenset[str]
    tried: frozenset[str]
    retries: int

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]]) -> Self:
        """Sum up *records*."""
        acknowledged, tried, retries = set(), set(), 0
        troubled: set[str] = set()
        for one in records:
            name, outcome = one["name"], one["outcome"]
            retries += name in troubled
            if outcome == OK:
                acknowledged.add(name)
            if outcome != FAIL:
                tried.add(name)
            if outcome == OK:
                troubled.discard(name)
            else:
                troubled.add(name)
        return cls(frozenset(acknowledged), frozenset(tried), retries)


@attrs.define
class Verdict:
    """What is not as it should be, each a sentence."""

    lost: list[str] = attrs.field(factory=list)
    doubled: list[str] = attrs.field(factory=list)
    problems: list[str] = attrs.field(factory=list)

    def compare(
        self, what: str, *, wanted: Iterable[str], effects: Iterable[str], tried: Iterable[str]
    ) -> None:
        """Hold the effects of something against what was asked for.

        Args:
            what: the effect, such as "text kept".
            wanted: the names of what must have had it.
            effects: the name of each effect that there is; twice for one that is there twice.
            tried: the names of all that may have had it.
        """
        counted = Counter(list(effects))
        self.lost += [f"no {what}: {one}" for one in sorted(set(wanted) - counted.keys())]
        self.doubled += [
            f"{count} times {what}: {one}" for one, count in sorted(counted.items()) if count > 1
        ]
        nobodys = sorted(counted.keys() - set(tried) - set(wanted))
        self.problems += [f"{what}, and nobody asked for it: {one}" for one in nobodys]

    def compare_states(
        self, what: str, *, wanted: Mapping[str, Any], found: Mapping[str, Any]
    ) -> None:
        """Hold a copy of something against what it is a copy of; all that differs is lost."""
        for name in sorted(wanted.keys() | found.keys()):
            theirs, ours = wanted.get(name), found.get(name)
            if theirs != ours:
                self.lost.append(f"{what} {name} is {ours!r} here, and {theirs!r} there")

    def keep_order(self, what: str, order: Iterable[str]) -> None:
        """Have *order*, of what came one after the other, be the alphabetical one."""
        names = list(order)
        self.problems += [
            f"{what}: {later} stands before {earlier}"
            for later, earlier in itertools.pairwise(names)
            if later > earlier
        ]
