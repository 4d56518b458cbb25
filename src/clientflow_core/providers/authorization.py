"""How somebody lets us use their account: OAuth 2.0's authorization code with PKCE.

RFC 6749, section 4.1, and RFC 7636. It comes before there is a provider to open, since its
credentials are what comes of it: so it is a part of the description, as webhooks are.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

import aiohttp
import attrs

from clientflow_core.secret import Secret

S = TypeVar("S")


@attrs.frozen(kw_only=True)
class AuthorizationRequest:
    """What goes along with somebody who is asked to authorize us.

    Attributes:
        redirect_uri: where they are sent back to.
        state: comes back with them as it is.
        code_challenge: of a verifier that is kept here, by the method S256.
    """

    redirect_uri: str
    state: str
    code_challenge: str


@attrs.frozen(kw_only=True)
class AuthorizationGrant:
    """What came back with somebody who has authorized us.

    Attributes:
        redirect_uri: as it was in the :class:`AuthorizationRequest`.
        code: is exchanged once, soon.
        code_verifier: proves that we are who asked.
    """

    redirect_uri: str
    code: Secret
    code_verifier: Secret


@attrs.frozen(kw_only=True)
class AuthorizationSpec(Generic[S]):
    """How a provider asks its users to authorize us.

    *exchange* and *revoke* are given the shared session. What ProviderRefused says is shown to
    whoever has authorized us; AuthFailed is for what the operator has set.

    Attributes:
        is_set_up: whether the operator's settings name the client that users authorize.
        authorization_url: gives the page of the provider that asks, for the least that will do.
        exchange: gives the settings, each one that an organization may set, by their names in the
            environment. Raises ProviderRefused where it does not do, AuthFailed where the
            client is refused, ProviderUnavailable where nobody has said.
        revoke: takes back what the settings of an organization hold; what is gone already is no
            error. Raises as *exchange* does.
    """

    is_set_up: Callable[[S], bool]
    authorization_url: Callable[[S, AuthorizationRequest], str]
    exchange: Callable[[aiohttp.ClientSession, S, AuthorizationGrant], Awaitable[Mapping[str, str]]]
    revoke: Callable[[aiohttp.ClientSession, S], Awaitable[None]]
