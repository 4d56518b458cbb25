"""What a session is asked for, and what it has found."""

import json
import random
import sys
import time
from pathlib import Path
from typing import Any, Final

import attrs

_BEGUN: Final = time.monotonic()


def say(text: str) -> None:
    """Tell how far it has come."""
    sys.stdout.write(f"[{time.monotonic() - _BEGUN:6.1f} s] {text}\n")
    sys.stdout.flush()


@attrs.frozen(kw_only=True)
class Options:
    """How a session is run.

    Attributes:
        n: how many of what it is about: webhooks, kills, restarts.
        seconds: for how long, where it goes by time; between kills, where it goes by number.
        seed: of all that is chosen by chance.
        names: chooses some of several stories; all if empty.
    """

    n: int
    seconds: float
    seed: int
    names: tuple[str, ...] = ()

    def chance(self, what: str) -> random.Random:
        """Give the dice for *what*: others do not change what they show."""
        return random.Random(f"{self.seed}:{what}")


@attrs.define(kw_only=True)
class Result:
    """What a session has found.

    Attributes:
        figure: of reliability.md, such as R1.
        faults: for each way in which faults hit work under way, how often.
        lost: each a sentence; so are the others.
        problems: what else is not as promised.
        figures: what was measured.
        has_faults: a session without any measures, and need not have hit anything.
    """

    session: str
    figure: str
    seed: int
    n: int
    has_faults: bool = True
    faults: dict[str, int] = attrs.field(factory=dict)
    lost: list[str] = attrs.field(factory=list)
    doubled: list[str] = attrs.field(factory=list)
    problems: list[str] = attrs.field(factory=list)
    figures: dict[str, Any] = attrs.field(factory=dict)
    begun: float = attrs.field(factory=time.monotonic)

    @classmethod
    def begin(
        cls, session: str, figure: str, options: Options, *, has_faults: bool = True
    ) -> "Result":
        """Begin one, and print how to have the same again."""
        say(f"{session} ({figure}): --n {options.n} --seed {options.seed}")
        return cls(
            session=session,
            figure=figure,
            seed=options.seed,
            n=options.n,
            has_faults=has_faults,
        )

    def count(self, fault: str, times: int = 1) -> None:
        """Count faults that hit work under way."""
        self.faults[fault] = self.faults.get(fault, 0) + times

    @property
    def has_hit(self) -> bool:
        """Whether a fault has hit work under way: otherwise nothing is shown."""
        return not self.has_faults or any(self.faults.values())

    @property
    def is_good(self) -> bool:
        """Whether everything is as promised."""
        return self.has_hit and not (self.lost or self.doubled or self.problems)

    def tell(self) -> None:
        """Print what was found."""
        hits = ", ".join(f"{count} {fault}" for fault, count in self.faults.items()) or "none"
        say(f"{self.session}: faults that hit work under way: {hits}")
        for name, value in self.figures.items():
            say(f"{self.session}: {name}: {value}")
        for kind in ("lost", "doubled", "problems"):
            found = getattr(self, kind)
            say(f"{self.session}: {len(found)} {kind}")
            for one in found[:20]:
                say(f"    {one}")
        if not self.has_hit:
            say(f"{self.session}: FAILED: no fault hit anything, so nothing is shown")
        say(f"{self.session}: {'passed' if self.is_good else 'FAILED'} (seed {self.seed})")

    def as_json(self) -> dict[str, Any]:
        """Give it for a file."""
        found = attrs.asdict(self, filter=lambda field, _: field.name != "begun")
        seconds = round(time.monotonic() - self.begun, 1)
        return found | {"seconds": seconds, "is_good": self.is_good}


def write_results(results: list[Result], path: Path) -> None:
    """Write *results* as JSON."""
    path.write_text(json.dumps([one.as_json() for one in results], indent=2) + "\n", "utf-8")
