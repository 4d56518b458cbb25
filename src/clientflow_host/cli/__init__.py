"""The command line: ``clientflow ...``."""

import contextlib
import gc
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Final

from cyclopts import App, Group
from rich.console import Console
from rich.markup import escape

from clientflow_core.errors import ClientFlowError

TRY: Final = Group("Try it", sort_key=1)
RUN: Final = Group("Run it", sort_key=2)
LOOK: Final = Group("Look at it", sort_key=3)
SELF: Final = Group("About it", sort_key=4)

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
        # Here, since they add themselves to the application above.
        from clientflow_host.cli import (  # noqa: F401, PLC0415
            billing,
            checklist,
            events,
            extensions,
            listings,
            operation,
            plugin,
            processes,
            replay,
            story,
            trigger,
        )

    try:
        app(sys.argv[1:])
    except ClientFlowError as error:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read our output has stopped; Python would complain once more at its own end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
