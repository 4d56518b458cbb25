"""The interface of what watches the service itself: errors, and how long things take."""

import abc
from collections.abc import Mapping
from contextlib import AbstractContextManager

Fields = Mapping[str, str | int | float | bool]


class ObserverProvider(abc.ABC):
    """Is told what happens. It never raises, never waits, and is never in anybody's way.

    The fields that it is told hold no person's data: ids, codes and names of our own. What is not
    handed over yet waits in a bounded queue; where nobody takes it, some of it is dropped. Closing
    the provider hands over what is held, as :meth:`flush` does.

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
            error: its class and traceback are told. The values of variables are not; in its own
                words, which may be of anybody, addresses, telephone numbers and credentials are
                hidden, or the words are left out.
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
        """Hand over what is still held, since the process ends.

        It returns within the deadline of the spec, whether anybody takes it or not, and does not
        raise.
        """
