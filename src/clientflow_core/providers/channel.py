"""The interface of a provider that carries messages."""

import abc
import datetime as dt
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import attrs

from clientflow_core.domain.messages import OutboundMessage, Receipt


class ChannelProvider(abc.ABC):
    """Carries messages to clients.

    Within a major version this class never gains an abstract method or an argument.
    """

    @abc.abstractmethod
    async def verify(self) -> str:
        """Prove with a cheap read-only call that the credentials work; give the account's name.

        Raises:
            AuthFailed: they do not.
            ProviderUnavailable: the provider did not answer.
        """

    @abc.abstractmethod
    async def send(self, message: OutboundMessage) -> Receipt:
        """Hand *message* to the provider, once; no retry happens in here.

        Raises:
            ProviderRefused: it was refused for good.
            ProviderUnavailable: it was surely not accepted, and may be tried again.
            OutcomeUnknown: it may have been accepted.
        """


@attrs.frozen(kw_only=True)
class MessageQuery:
    """What is known of a message whose acceptance is not.

    Attributes:
        message: as it was handed over.
        attempted_at: when the call began, by our clock, aware.
    """

    message: OutboundMessage
    attempted_at: dt.datetime


@runtime_checkable
class SupportsMessageLookup(Protocol):
    """:attr:`Capability.MESSAGE_LOOKUP`: can tell afterwards what it has accepted."""

    async def find_messages(self, query: MessageQuery) -> Sequence[Receipt]:
        """List what the provider has that may be the message of *query*, oldest first.

        Equal texts to the same client are all listed; the caller knows which of them are taken.
        What is not listed is taken for absent, and is sent again: a list that the provider gives in
        pages must be read as far back as ``attempted_at``.

        Raises:
            ProviderUnavailable: it did not answer, or has more than can be read; nothing is known
                yet.
        """
        ...
