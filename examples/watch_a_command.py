"""Time a command and tell when it fails, with nothing but ``pip install 'clientflow[sentry]'``.

export SENTRY_DSN=https://KEY@o1.ingest.sentry.io/2 SENTRY_TRACES_SAMPLE_RATE=1
python examples/watch_a_command.py nightly-backup ./backup.sh --all

To a collector instead: export OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318, and add
--observer opentelemetry before the name.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from clientflow_core import ClientFlowError, ProviderRegistry


class CommandFailed(Exception):
    """The command has ended with another code than 0."""


async def watch(name: str, command: Sequence[str], *, observer: str) -> int:
    """Run *command*, tell the observer how it went, and give its exit code.

    What it is told has no words of the command's: an argument may be anybody's.
    """
    # Whatever is held is handed over when the registry is closed.
    async with ProviderRegistry.from_values(os.environ, names=[observer]) as registry:
        told = await registry.observer(observer)
        with told.span("command", fields={"command": name}):
            process = await asyncio.create_subprocess_exec(*command)
            code = await process.wait()
        if code:
            error = CommandFailed(f"{name} has ended with the code {code}")
            told.report_error(error, fields={"command": name, "code": code})
    return code


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time a command and tell when it fails.")
    parser.add_argument("--observer", default="sentry", help="who is told (default: %(default)s)")
    parser.add_argument("name", help="what it is called there")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what is run")
    arguments = parser.parse_args()
    if not arguments.command:
        parser.error("name a command to run")
    try:
        code = asyncio.run(watch(arguments.name, arguments.command, observer=arguments.observer))
    except (ClientFlowError, OSError) as error:
        sys.exit(f"not run: {error}")
    sys.exit(code)
