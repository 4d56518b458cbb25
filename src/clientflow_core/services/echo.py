"""A job that does nothing: that it is done tells that jobs are."""

import asyncio
import time
from typing import Final

from clientflow_core.domain.jobs import INBOUND, Job
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.repositories.echo_jobs import (
    add_echo_job,
    is_job_there,
    withdraw_job,
)

ECHO: Final = "echo"
"""The kind of such a job."""

_PAUSE_SECONDS: Final = 0.05


async def echo(transaction: Transaction, job: Job) -> None:
    """Do nothing."""


async def hear_echo(database: Database, *, seconds: float) -> float | None:
    """Ask for such a job in the lane of what comes in, and wait until it is done.

    Args:
        database: as the application role.
        seconds: how long to wait at the most.

    Returns:
        How many seconds it took; None if it was not done, and then it is taken back.
    """
    began = time.monotonic()
    async with database.system() as transaction:
        job_id = await add_echo_job(transaction, lane=INBOUND, kind=ECHO)
    try:
        while (took := time.monotonic() - began) < seconds:
            async with database.system() as transaction:
                if not await is_job_there(transaction, job_id):
                    return took
            await asyncio.sleep(_PAUSE_SECONDS)
        return None
    finally:
        async with database.system() as transaction:
            await withdraw_job(transaction, job_id, kind=ECHO)
