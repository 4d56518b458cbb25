"""The interface of what watches the service itself: errors, and how long things take."""

import abc
from collections.abc import Mapping
from contextlib import AbstractContextManager

Fields = Mapping[str, str | int | float | bool]


class ObserverProvider(abc.ABC):
    """Is told what happens. It never raises, never waits, and is never in anybody's way.

    What it is told holds no person's data: ids, codes and names of our own.

    Within a major version this class never gains an abstract method or an argument.
    """

    @abc.abstractmethod
    async def verify(self) -> str:
        """Prove that what is told arrives; give the name of where it goes.

        Raises:
            AuthFailed: the credentials do not work.
            ProviderUnavailable: nobody answers there.
        """

    @abc.abstractmethod
    def report_error(self, error: BaseException, *, fields: Fields) -> None:
        """Tell of an error that nobody was prepared for.

        Args:
            error: with its traceback; the values in it are not told.
            fields: where it happened, such as ``request_id`` and ``organization_id``.
        """

    @abc.abstractmethod
    def span(self, name: str, *, fields: Fields) -> AbstractContextManager[None]:
        """Time what the block does, as a part of the span around it.

        Args:
            name: of what is done, such as ``deliver_message``; one of few.
            fields: what it is done to.
        """

    @abc.abstractmethod
    async def flush(self) -> None:
        """Hand over what is still held, since the process ends; takes seconds at the most."""
