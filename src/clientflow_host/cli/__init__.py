"""The command line: ``clientflow ...``."""

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Final

from cyclopts import App, Group

from clientflow_core.errors import ClientFlowError
from clientflow_host.cli.visible import visible

TRY: Final = Group("Try it", sort_key=1)
RUN: Final = Group("Run it", sort_key=2)
LOOK: Final = Group("Look at it", sort_key=3)
SELF: Final = Group("About it", sort_key=4)
# Each adds its commands to the application below.
_MODULES: Final = (
    "backup",
    "billing",
    "checklist",
    "events",
    "extensions",
    "failpoints",
    "jobs",
    "listings",
    "operation",
    "plugin",
    "processes",
    "replay",
    "sign_offs",
    "smoke",
    "story",
    "trigger",
)
# What is started again and again, by `up` and by supervisors, takes no other command along.
_STARTED: Final = frozenset({"serve", "worker", "sandbox"})

app = App(
    name="clientflow",
    help=(
        "Texts of clients come in, answers go out; every provider is a plugin.\n\n"
        "Begin with `clientflow up`. Settings come from the environment and from .env."
    ),
    version=lambda: version("clientflow"),
    version_flags=["--version"],
)
for flag in ("--help", "--version"):
    app[flag].group = (SELF,)


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Let the block import much, and look for no garbage meanwhile.

    There is none: what a module brings stays, and to look through it again and again takes a tenth
    of the start of a process. Nor is it looked through later.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def main() -> None:
    """Run the command that the arguments name; an error of ours is told in a sentence."""
    with importing():
        _import_commands(sys.argv[1:])
    try:
        app(sys.argv[1:])
    except ClientFlowError as error:
        _tell(error)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read our output has stopped; Python would complain once more at its own end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _import_commands(arguments: Sequence[str]) -> None:
    _import_structlog()
    is_started = bool(arguments) and arguments[0] in _STARTED
    for name in ("processes",) if is_started else _MODULES:
        importlib.import_module(f"{__name__}.{name}")


def _import_structlog() -> None:
    """Import structlog without rich, of which it would make tracebacks with all variables in them.

    Nobody here may see those, and rich takes longer to import than every command of ours.
    """
    if not sys.modules.keys() & {"rich", "structlog"}:
        sys.modules["rich"] = None  # type: ignore[assignment]  # as Python marks what is not there
        try:
            importlib.import_module("structlog")
        finally:
            del sys.modules["rich"]


def _tell(error: ClientFlowError) -> None:
    label = "\x1b[1;31merror:\x1b[0m" if sys.stderr.isatty() else "error:"
    sys.stderr.write(f"{label} {visible(str(error), keeps_lines=True)}\n")
