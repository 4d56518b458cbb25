"""Ending tasks that go on until they are cancelled."""

import asyncio
from typing import Any, Final

_AGAIN_SECONDS: Final = 1.0


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel *tasks*, and return when all have ended; what they raise is dropped.

    Once is not always enough: before Python 3.12 ``asyncio.wait_for`` forgets a cancellation that
    comes as what it waits for is done, and the drivers of Redis and PostgreSQL wait by it. Whoever
    works in a loop would go on for ever. https://github.com/python/cpython/issues/86296
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
