"""The command that plays a story on what `up` runs."""

import asyncio
import time
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape

from clientflow_core.errors import ClientFlowError
from clientflow_host.cli import TRY, app
from clientflow_host.cli.options import StateDir, read_all, running_up, state_folder
from clientflow_host.cli.typed import typed_command
from clientflow_host.state import UpNote


@app.command(group=TRY, sort_key=2)
def demo(
    number: Annotated[Literal[1], Parameter(help="Which story: 1, a text and its answer.")] = 1,
    /,
    *,
    state_dir: StateDir = None,
) -> None:
    """Play a story on what `clientflow up` runs, step by step."""
    values = read_all(state_dir)
    note = running_up(values)
    if note is None:
        msg = (
            f"nothing runs on {state_folder(values)} to play on: start `clientflow up` first, or"
            " name its --state-dir"
        )
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
        f" at {note.sandbox_url}, and the webhooks that were kept:"
    )
    console.print(f"  {escape(typed_command(note, 'events list'))}")
