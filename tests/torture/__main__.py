"""``python -m tests.torture SESSION``; exit code 1 where something is not as promised."""

import argparse
import asyncio
import secrets
import signal
import sys
import time
import traceback
from pathlib import Path

from tests.torture.report import Options, Result, say, write_results
from tests.torture.sessions import SESSIONS, Session, find_run

_SHORT = "short"
CHOSEN = 4


def main() -> int:
    """Run the session that the arguments name; tell whether all is as promised."""
    parser = argparse.ArgumentParser(prog="nox -s torture --", description=__doc__)
    parser.add_argument("session", choices=[*SESSIONS, _SHORT])
    parser.add_argument("names", nargs="*", help="some of what a session has, such as failpoints")
    parser.add_argument(
        "--n", type=int, help="how many: webhooks, kills, restarts, messages, sessions"
    )
    parser.add_argument("--seconds", type=float, help="how long, or between two faults")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--json", type=Path, help="where the result goes")
    given = parser.parse_args()
    # What was started is ended, too, where the session is told to end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    say(f"again by: nox -s torture -- {' '.join(_again(given))}")
    is_short, most = given.session == _SHORT, given.n or CHOSEN
    results = _short(given.seed, most=most) if is_short else [_one(given)]
    if given.json:
        write_results(results, given.json)
    return 0 if all(one.is_good for one in results) else 1


def _again(given: argparse.Namespace) -> list[str]:
    options = [f"--{name} {getattr(given, name)}" for name in ("n", "seconds", "seed")]
    chosen = [one for one in options if not one.endswith(" None")]
    return [given.session, *given.names, *chosen]


def _one(given: argparse.Namespace) -> Result:
    session = SESSIONS[given.session]
    return _run(
        given.session,
        session,
        Options(
            n=session.n if given.n is None else given.n,
            seconds=session.seconds if given.seconds is None else given.seconds,
            seed=given.seed,
            names=tuple(given.names),
        ),
    )


def _short(seed: int, *, most: int) -> list[Result]:
    """Run some, chosen by *seed*, each in its short form."""
    names = [name for name, session in SESSIONS.items() if session.short]
    chosen = Options(n=0, seconds=0, seed=seed).chance("short").sample(names, k=most)
    say(f"chosen: {', '.join(chosen)}")
    results = []
    for name in chosen:
        session = SESSIONS[name]
        n, seconds = session.short or (0, 0.0)
        results.append(_run(name, session, Options(n=n, seconds=seconds, seed=seed)))
    return results


async def _finish(name: str, options: Options) -> Result:
    return await find_run(name)(options)


def _run(name: str, session: Session, options: Options) -> Result:
    begun = time.monotonic()
    try:
        result = asyncio.run(_finish(name, options))
    except Exception as error:  # noqa: BLE001 - what is wrong belongs into the result
        traceback.print_exc()
        result = Result.begin(name, session.figure, options)
        result.problems.append(f"{type(error).__name__}: {str(error).splitlines()[0]}")
    result.figures["seconds in all"] = round(time.monotonic() - begun, 1)
    result.tell()
    return result


if __name__ == "__main__":
    sys.exit(main())
