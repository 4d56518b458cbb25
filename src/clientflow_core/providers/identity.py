"""The interface of an outside issuer that says who somebody is."""

import abc
from typing import Protocol, runtime_checkable

from clientflow_core.domain.identities import Identity
from clientflow_core.secret import Secret


class IdentityProvider(abc.ABC):
    """Recognizes people by the tokens that an issuer has given them.

    Within a major version this class never gains an abstract method or an argument.
    """

    @abc.abstractmethod
    async def verify(self) -> str:
        """Prove with a cheap read-only call that the issuer answers; give its name.

        Raises:
            AuthFailed: the credentials do not work.
            ProviderUnavailable: it did not answer.
        """

    @abc.abstractmethod
    async def authenticate(self, token: Secret) -> Identity:
        """Tell whose *token* it is.

        The issuer's keys are kept, so that most need no call. A key that is not known is asked for
        at once the first time, and then once in a while at the most, whoever sends what tokens.

        Raises:
            Unauthenticated: it is nobody's: forged, expired, or made for somebody else.
            ProviderUnavailable: the issuer's keys cannot be had now.
        """


@runtime_checkable
class SupportsUserLookup(Protocol):
    """:attr:`Capability.USER_LOOKUP`: can be asked about people who are not here."""

    async def find_user(self, email: str) -> str | None:
        """Give the issuer's subject of the person with the address *email*; None if there is none.

        Raises:
            AuthFailed, ProviderUnavailable: as by :meth:`IdentityProvider.verify`.
        """
        ...
