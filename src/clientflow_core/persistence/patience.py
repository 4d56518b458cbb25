"""Beginning a transaction for somebody who waits for an answer: soon, or not at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import sqlalchemy as sa

BEGIN_SECONDS: Final = 3.5
"""So long a transaction may take to begin: a free connection, a word on it, and its scope."""


class Patience:
    """Ends what takes too long to begin, and knows when it is not worth waiting at all.

    Once the server has let somebody down, one at a time tries it. All others are refused at once,
    until one has had an answer: else each of them would wait for what does not come.
    """

    def __init__(self) -> None:
        self._is_silent = False
        self._trying = 0

    @asynccontextmanager
    async def beginning(self) -> AsyncIterator[None]:
        """Give up the block, in which a transaction begins, after a few seconds.

        Raises:
            sqlalchemy.exc.TimeoutError: the server has not answered in time, or is known not to.
        """
        if self._is_silent and self._trying:
            msg = "the server does not answer, and is being tried"
            raise sa.exc.TimeoutError(msg)
        self._trying += 1
        deadline = asyncio.timeout(BEGIN_SECONDS)
        try:
            async with deadline:
                yield
            self._is_silent = False
        except TimeoutError as error:
            if not deadline.expired():
                raise
            self._is_silent = True
            msg = f"no transaction has begun within {BEGIN_SECONDS:g} seconds"
            raise sa.exc.TimeoutError(msg) from error
        finally:
            self._trying -= 1
