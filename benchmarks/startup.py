"""Start-up: until ``/ready`` is answered, and what it would cost to import every SDK at once.

And what it costs to find out which plugins are installed, with and without the index of them.

The imports are those of ``clientflow serve`` itself: it is started with no settings, and ends where
it has read them. Eager is the same with the SDKs that are installed imported first.
"""

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from benchmarks.database import BenchDatabase, new_database
from benchmarks.processes import (
    CLI,
    cpu_seconds,
    kept_environment,
    running,
    wait_until_ready,
)
from benchmarks.report import (
    BenchRefused,
    Goal,
    Options,
    judge,
    print_table,
    say,
    spread,
    write_json,
)
from benchmarks.texts import SETTINGS
from clientflow_core.ports import free_port

GOAL: Final = Goal(name="CPU of imports against eager ones", bound=0.55, is_most=True)
# Those of the six providers that there were at first; told beside it, without a goal.
FIRST_SDKS: Final = (
    "googleapiclient.discovery",
    "openai",
    "sendgrid",
    "sentry_sdk",
    "stripe",
    "twilio.rest",
)
# What our plugins import where they are opened; the goal is about all of it.
SDKS: Final = (
    *FIRST_SDKS,
    "aiosmtplib",
    "cryptography.hazmat.primitives.asymmetric.ec",
    "icalendar",
    "jwt",
    "opentelemetry.exporter.otlp.proto.common.trace_encoder",
    "opentelemetry.sdk.metrics",
    "opentelemetry.sdk.trace",
)
_WHOLE_MS: Final = 100
# Ends at once, since to take everything down again would cost as much as a part of the imports.
_SERVE: Final = """
import os, sys
from clientflow_host.cli import main
try:
    main()
except SystemExit as end:
    sys.stderr.flush()
    os._exit(end.code)
"""
# In a process of its own, as each start is; the path of the index follows.
_INDEX: Final = """
import pathlib, sys, time
from clientflow_core.registry.index import cached_installed
folder = pathlib.Path(sys.argv[1])
begun = time.perf_counter(), time.process_time()
cached_installed(folder)
print(time.perf_counter() - begun[0], time.process_time() - begun[1])
print("importlib.metadata" in sys.modules)
"""


@attrs.frozen(kw_only=True)
class Sample:
    """One start: the time on the clock and on the processors, and the memory at its most."""

    wall_ms: float
    cpu_ms: float
    memory_mib: float | None = None


Round = Mapping[str, Sample]


def installed_sdks(names: Sequence[str] = SDKS) -> list[str]:
    """Give those of *names* that can be imported here."""
    return [name for name in names if importlib.util.find_spec(name.partition(".")[0])]


def run(options: Options) -> bool:
    """Measure, print and keep the figures; tell whether the goal was reached, if it can be judged.

    Raises:
        BenchRefused: a process does not start.
    """
    sdks = installed_sdks()
    eager = {
        "the same, SDKs eager": _importing(sdks),
        "the same, SDKs of six eager": _importing(installed_sdks(FIRST_SDKS)),
    }
    with new_database() as database:
        if options.is_judged:
            # Once for the compiled modules and the page cache.
            _round(database, eager)
        rounds = [_round(database, eager) for _ in range(options.rounds)]
    _print(rounds)
    say(f"SDKs here: {', '.join(sdks)}")
    ratios = {
        GOAL.name: [
            one["imports of serve"].cpu_ms / one["the same, SDKs eager"].cpu_ms for one in rounds
        ]
    }
    is_whole = len(sdks) == len(SDKS)
    is_reached = judge(ratios, [GOAL] if is_whole else [])
    if not is_whole:
        missing = ", ".join(name for name in SDKS if name not in sdks)
        say(f"No goal is judged, since it is about all SDKs; not installed: {missing}")
    six = "the same, SDKs of six eager"
    shares = [one["imports of serve"].cpu_ms / one[six].cpu_ms for one in rounds]
    say(f"CPU of imports against those of six SDKs, without a goal: {spread(shares, digits=2)}")
    result = {
        "sdks": sdks,
        "rounds": [{name: attrs.asdict(s) for name, s in one.items()} for one in rounds],
        "ratios": ratios,
        "ratios without a goal": {six: shares},
        "goals": {GOAL.name: str(GOAL)},
        "is_reached": is_reached if is_whole else None,
    }
    write_json("startup", result, folder=options.folder)
    return is_reached or not options.is_judged


def _importing(sdks: Sequence[str]) -> str:
    return "\n".join([*(f"import {name}" for name in sdks), _SERVE])


def _round(database: BenchDatabase, eager: Mapping[str, str]) -> Round:
    return {
        "serve to /ready": _start(database, "serve"),
        "worker to /ready": _start(database, "worker"),
        "imports of serve": _imports(_SERVE),
        **{name: _imports(program) for name, program in eager.items()},
        **_index(database),
    }


def _index(database: BenchDatabase) -> Round:
    """Find out what is installed, in a process without an index and in one that has it."""
    with tempfile.TemporaryDirectory(dir=database.folder) as folder:
        cold, has_looked = _find_installed(folder)
        warm, has_looked_again = _find_installed(folder)
    if not has_looked or has_looked_again:
        msg = "the index was not kept: what Python searches has changed just now; try again"
        raise BenchRefused(msg)
    return {"what is installed": cold, "the same, by the index": warm}


def _find_installed(folder: str) -> tuple[Sample, bool]:
    """Give what it took, and whether the distributions were looked at for it."""
    ran = subprocess.run(
        [sys.executable, "-P", "-c", _INDEX, folder],
        cwd="/",
        env=kept_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    figures, has_looked = ran.stdout.splitlines()
    wall, cpu = (float(seconds) * 1e3 for seconds in figures.split())
    return Sample(wall_ms=wall, cpu_ms=cpu), has_looked == "True"


def _start(database: BenchDatabase, name: str) -> Sample:
    """Start the process *name*; give what it took until it was ready."""
    port = free_port()
    settings = {
        **SETTINGS,
        "DATABASE_URL": database.application.reveal(),
        "CLIENTFLOW_PORT": str(port),
        "CLIENTFLOW_WORKER_PORT": str(port),
        "CLIENTFLOW_STATE_DIR": str(database.folder),
    }
    log = database.folder / f"{name}.log"
    begun = time.perf_counter()
    with running([*CLI, name], settings=settings, log=log) as popen:
        wait_until_ready(f"http://127.0.0.1:{port}/ready", popen=popen, log=log)
        wall = time.perf_counter() - begun
        return Sample(wall_ms=wall * 1e3, cpu_ms=cpu_seconds(popen.pid) * 1e3)


def _imports(program: str) -> Sample:
    """Run ``clientflow serve`` by *program* until it finds no settings; give what that took.

    Raises:
        BenchRefused: it ends in another way.
    """
    command = [sys.executable, "-P", "-c", program, "serve"]
    begun = time.perf_counter()
    popen = subprocess.Popen(
        command,
        # No .env there.
        cwd="/",
        env=kept_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert popen.stderr is not None
    with popen.stderr as stream:
        said = stream.read().decode()
    _, status, usage = os.wait4(popen.pid, 0)
    wall = time.perf_counter() - begun
    popen.returncode = os.waitstatus_to_exitcode(status)
    if popen.returncode != 1 or "DATABASE_URL" not in said:
        msg = f"clientflow serve, without settings, ended otherwise than it should: {said}"
        raise BenchRefused(msg)
    cpu = usage.ru_utime + usage.ru_stime
    return Sample(wall_ms=wall * 1e3, cpu_ms=cpu * 1e3, memory_mib=usage.ru_maxrss / 1024)


def _print(rounds: Sequence[Round]) -> None:
    rows = []
    for name in rounds[0]:
        samples = [one[name] for one in rounds]
        # A start takes hundreds, the index less than one.
        digits = 0 if min(s.wall_ms for s in samples) > _WHOLE_MS else 2
        memory = [s.memory_mib for s in samples if s.memory_mib is not None]
        rows.append(
            {
                "": name,
                "wall ms": spread([s.wall_ms for s in samples], digits=digits),
                "CPU ms": spread([s.cpu_ms for s in samples], digits=digits),
                "MiB": f"{statistics.median(memory):.0f}" if memory else "-",
            }
        )
    print_table("Start-up: median (least..most)", rows)
