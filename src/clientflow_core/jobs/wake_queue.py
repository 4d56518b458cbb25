"""The queue of SAQ's that carries the wake-ups: in Redis where that is set, else in PostgreSQL."""

import logging
from abc import abstractmethod
from collections.abc import Mapping
from typing import Final

from saq.queue import Queue

from clientflow_core.secret import Secret

QUEUE_NAME: Final = "clientflow"


class WakeQueue(Queue):
    """SAQ's queue, and what we ask of it beyond that. Whatever it holds may be lost."""

    @abstractmethod
    async def forget(self) -> None:
        """Drop the wake-ups that nobody has heard; for whoever is about to look at every lane.

        While no worker runs they pile up, and to hear them all later would take minutes.

        Raises:
            Exception: of the driver; whoever holds them cannot be reached.
        """

    @abstractmethod
    async def check(self) -> Mapping[str, str]:
        """Tell how what it needs beside the database is: for each, ``ok`` or what is wrong."""

    @abstractmethod
    async def carrier(self) -> str:
        """Name what carries the wake-ups, and which one of its kind; the same in each process.

        ``postgresql``; or ``redis:`` and the id of the run of the server, or what is wrong with it.
        """


def open_wake_queue(conninfo: str, *, redis_url: Secret | None = None) -> WakeQueue:
    """Give the SAQ queue for wake-ups; connect it before use, disconnect it after.

    Args:
        conninfo: of PostgreSQL; must not lead through a transaction pooler (LISTEN).
        redis_url: of the Redis or Valkey that carries them instead.

    Raises:
        ValueError: *redis_url* is no address of one.
    """
    # SAQ tells of every wake-up at INFO, and of one that its sweep met half done as an error; its
    # pool tells of each attempt to connect. What matters of that is told once, here.
    for name in ("saq", "psycopg.pool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # Only the one that carries is imported: redis alone takes a fifth of the start of a process.
    if redis_url is not None:
        from clientflow_core.jobs.redis_queue import RedisWakeQueue  # noqa: PLC0415

        return RedisWakeQueue(redis_url)
    from clientflow_core.jobs.postgres_queue import PostgresWakeQueue  # noqa: PLC0415

    return PostgresWakeQueue(conninfo)
