"""Waits between two tries that nobody needs to sit through: cut short, and counted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from tests.torture.report import Result
from tests.torture.system import System

_DO_NOW: Final = """
    UPDATE jobs SET run_at = now() WHERE id IN (
        SELECT id FROM jobs WHERE dead_at IS NULL AND claimed_by IS NULL
        AND run_at > now() + make_interval(secs => %s) FOR UPDATE SKIP LOCKED)
    RETURNING id
"""


@contextlib.asynccontextmanager
async def hurrying(
    system: System, result: Result, *, over_seconds: int, every_seconds: float
) -> AsyncIterator[None]:
    """Make what would be due in more than so many seconds due now, for as long as the block runs.

    Args:
        system: whose jobs are hurried.
        result: is told how many waits were cut short.
        over_seconds: shorter waits are left as they are.
        every_seconds: between two looks.
    """
    told = f"waits of over {over_seconds} s that were cut short"
    result.figures.setdefault(told, 0)

    async def hurry() -> None:
        while True:
            result.figures[told] += len(system.rows(_DO_NOW, over_seconds))
            await asyncio.sleep(every_seconds)

    task = asyncio.create_task(hurry())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
