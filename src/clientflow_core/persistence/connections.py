"""Connections to the server, on none of which anything is waited for without an end."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import Row
from typing_extensions import override

ANSWER_SECONDS: Final = 9.5
"""What answers nothing for so long is given up: a little more than a statement may take."""

# A server that is gone without a word is given up after about this long, not after the quarter of
# an hour that the kernel would take.
LASTING: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
)
"""What every connection is opened with."""

# Who gives up a statement must not wait for long until the server has given it up as well.
_CANCEL_SECONDS: Final = 0.3
_INTERVAL_SECONDS: Final = 0.1
_RV = TypeVar("_RV")


class ImpatientConnection(psycopg.AsyncConnection[Row]):
    """One that is closed when the server does not answer, as one that stands still does not.

    The server's own limits end what is slow; they are of no use where it, or what lies between,
    takes everything and says nothing.
    """

    @override
    async def wait(
        self, gen: PQGen[_RV], interval: float = _INTERVAL_SECONDS, timeout: float | None = None
    ) -> _RV:
        try:
            return await super().wait(gen, interval, ANSWER_SECONDS if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            # What it would say later must not be taken for the answer to something else.
            self.pgconn.finish()
            msg = f"the server has not answered for {ANSWER_SECONDS:g} seconds"
            raise psycopg.OperationalError(msg) from error

    @override
    async def cancel_safe(self, *, timeout: float = _CANCEL_SECONDS) -> None:
        try:
            await super().cancel_safe(timeout=min(timeout, _CANCEL_SECONDS))
        except psycopg.OperationalError:
            # psycopg would now wait for seconds for the end of what was not cancelled.
            self.pgconn.finish()
            raise
