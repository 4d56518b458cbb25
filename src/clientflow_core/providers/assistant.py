"""The interface of a provider that answers in words."""

import abc
from collections.abc import AsyncIterator, Sequence
from typing import Protocol, runtime_checkable

from clientflow_core.domain.assistance import (
    Assistance,
    AssistanceRequest,
    ModerationVerdict,
    TextDelta,
)


class AssistantProvider(abc.ABC):
    """Drafts, sums up and sorts texts. Nothing that it gives is sent to anybody by itself.

    Every method may raise

    - ProviderRefused: it was refused for good, such as for what the text says;
    - AuthFailed: because of our credentials, or the account has no money left;
    - ProviderUnavailable: it did not answer, or broke off, or what it has answered does not fit
      the schema; to ask again costs no more than money, and is for the core to decide.

    An answer that was cut off is an answer: its ``is_whole`` says so.

    Within a major version this class never gains an abstract method or an argument.
    """

    @abc.abstractmethod
    async def verify(self) -> str:
        """Prove with a cheap read-only call that the credentials work; give the account's name."""

    @abc.abstractmethod
    async def complete(self, request: AssistanceRequest) -> Assistance:
        """Give the whole answer at once.

        Raises:
            ProviderCannot: it cannot hold to a schema.
        """

    @abc.abstractmethod
    def stream(self, request: AssistanceRequest) -> AsyncIterator[TextDelta | Assistance]:
        """Give the answer as it comes; the whole of it is the last thing that is given.

        Written as an async generator: who stops to listen closes it, and that ends the call, so
        that no more words are paid for. A stream that breaks off raises ProviderUnavailable.
        """


@runtime_checkable
class SupportsEmbeddings(Protocol):
    """:attr:`Capability.EMBEDDINGS`: texts become vectors, alike ones near each other."""

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Give a vector for each of *texts*, all of one length, in their order."""
        ...


@runtime_checkable
class SupportsModeration(Protocol):
    """:attr:`Capability.MODERATION`: knows texts that nobody should see or send."""

    async def moderate(self, texts: Sequence[str]) -> Sequence[ModerationVerdict]:
        """Give a verdict on each of *texts*, in their order."""
        ...
