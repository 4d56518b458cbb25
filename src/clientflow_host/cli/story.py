"""The command that plays a story on what `up` runs."""

import asyncio
import time
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console

from clientflow_core.errors import ClientFlowError
from clientflow_host.cli import app
from clientflow_host.cli.options import StateDir, read_all, running_up
from clientflow_host.state import UpNote


@app.command
def demo(
    number: Annotated[Literal[1], Parameter(help="Which story: 1, a text and its answer.")] = 1,
    /,
    *,
    state_dir: StateDir = None,
) -> None:
    """Play a story on what `clientflow up` runs, step by step."""
    note = running_up(read_all(state_dir))
    if note is None:
        msg = "nothing runs to play on: start `clientflow up` first (and name its --state-dir)"
        raise ClientFlowError(msg)
    asyncio.run(_play(note))


async def _play(note: UpNote) -> None:
    from clientflow_host.demo import play_text_and_answer  # noqa: PLC0415 - heavy

    console = Console(highlight=False, soft_wrap=True)
    begun = time.monotonic()
    with console.status("playing …"):
        async for line in play_text_and_answer(note):
            console.print(f"[green]✓[/] {line}")
    console.print(
        f"A text came in, its answer went out: {time.monotonic() - begun:.1f} s. See the telephone"
        f" at {note.sandbox_url}, and what was kept with: clientflow events list"
    )
