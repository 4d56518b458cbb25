"""The command line: ``clientflow ...``."""

import os
import sys
from importlib.metadata import version

from cyclopts import App
from rich.console import Console

from clientflow_core.errors import ClientFlowError

app = App(
    name="clientflow",
    help="Texts of clients come in, answers go out; every provider is a plugin.",
    version=lambda: version("clientflow"),
    version_flags=["--version"],
)


def main() -> None:
    """Run the command that the arguments name; an error of ours is told in a sentence."""
    # Here, since they add themselves to the application above.
    from clientflow_host.cli import listings, operation, processes, story  # noqa: F401, PLC0415

    try:
        app()
    except ClientFlowError as error:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"[bold red]error:[/] {_plain(str(error))}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has stopped; Python would complain once more at its own end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _plain(text: str) -> str:
    """Keep Rich from reading brackets in *text* as its own marks."""
    return text.replace("[", r"\[")
