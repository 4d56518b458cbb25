"""Around a plugin's own code: it ends in time, and by nothing but an exception of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from clientflow_core.errors import PluginError
from clientflow_core.registry.discovery import Plugin

T = TypeVar("T")


async def fenced(
    call: Callable[[], Awaitable[T]], *, plugin: Plugin, what: str, deadline_seconds: float
) -> T:
    """Await *call*, which is *what* of *plugin*.

    An exception comes out with a note that names the plugin.

    Raises:
        PluginError: it took too long, or tried to end the process or the task that it runs in.
        Exception: its own.
    """
    task = asyncio.current_task()
    deadline = asyncio.timeout(deadline_seconds)
    try:
        async with deadline:
            return await call()
    except TimeoutError as error:
        if not deadline.expired():
            error.add_note(f"in {what} of {plugin.source}")
            raise
        msg = f"{what} of {plugin.source} took longer than {deadline_seconds:g} s"
        raise PluginError(msg) from error
    except asyncio.CancelledError as error:
        if task is not None and task.cancelling():
            raise
        msg = f"{what} of {plugin.source} cancelled what nobody else had"
        raise PluginError(msg) from error
    except (SystemExit, KeyboardInterrupt) as error:
        msg = f"{what} of {plugin.source} tried to end the process"
        raise PluginError(msg) from error
    except Exception as error:
        error.add_note(f"in {what} of {plugin.source}")
        raise
