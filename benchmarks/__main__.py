"""``python -m benchmarks NAME...``: growth|intake|jobs|latency|registry|startup|wakeups.

Exit code 1: a goal was missed; 2: there is no result.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from benchmarks import growth, intake, jobs, latency, registry, startup, wakeups
from benchmarks.report import BenchRefused, Options

_BENCHES: Final = {
    "growth": growth.run,
    "intake": intake.run,
    "jobs": jobs.run,
    "latency": latency.run,
    "registry": registry.run,
    "startup": startup.run,
    "wakeups": wakeups.run,
}
_SHORT: Final = {
    "growth": Options(rounds=1, seconds=1),
    "intake": Options(rounds=1, seconds=1),
    "latency": Options(rounds=1, seconds=2),
}
_FULL: Final = {
    "growth": Options(rounds=5, seconds=3),
    "intake": Options(rounds=5, seconds=3),
    "latency": Options(rounds=5, seconds=15),
}


def main() -> int:
    """Run the bench that the arguments name; tell whether its goals were reached."""
    parser = argparse.ArgumentParser(prog="nox -s bench --", description="Measure ClientFlow.")
    parser.add_argument("benches", nargs="+", choices=sorted(_BENCHES), metavar="BENCH")
    parser.add_argument("--rounds", type=int, help="how often each is measured, in turns")
    parser.add_argument("--seconds", type=int, help="how long a round of a load is")
    parser.add_argument("--short", action="store_true", help="one quick round; no goal is judged")
    parser.add_argument("--out", type=Path, default=Path(".benchmarks"), help="folder for the JSON")
    given = parser.parse_args()
    try:
        # Each is run, whatever the others have shown.
        are_reached = [_BENCHES[name](_options(name, given)) for name in given.benches]
    except BenchRefused as reason:
        sys.stderr.write(f"bench: {reason}\n")
        return 2
    return 0 if all(are_reached) else 1


def _options(name: str, given: argparse.Namespace) -> Options:
    standard = (_SHORT if given.short else _FULL).get(name, Options(rounds=5, seconds=0))
    return Options(
        rounds=given.rounds or (1 if given.short else standard.rounds),
        seconds=given.seconds or standard.seconds,
        is_judged=not given.short,
        folder=given.out,
    )


if __name__ == "__main__":
    sys.exit(main())
