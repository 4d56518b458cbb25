"""An authorization that is under way: sealed, in the browser of who has asked for it."""

import base64
import datetime as dt
import hashlib
import hmac
import secrets
from typing import Final, Self

import attrs
from aiohttp import web

from clientflow_core.domain.roles import Principal
from clientflow_core.errors import SettingsError
from clientflow_core.secret import Secret
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.middleware.sessions import drop_cookie, put_cookie, read_cookie, session_mark

LASTS: Final = dt.timedelta(minutes=10)
_NAME: Final = "authorization"


@attrs.frozen(kw_only=True)
class PendingAuthorization:
    """What somebody was sent away with, and must come back with.

    Attributes:
        provider: to whose page.
        code_verifier: never leaves us, until the code is exchanged.
    """

    provider: str
    state: str
    code_verifier: Secret
    until: dt.datetime

    @classmethod
    def begin(cls, provider: str, *, now: dt.datetime) -> Self:
        """Make one."""
        return cls(
            provider=provider,
            state=secrets.token_urlsafe(32),
            # RFC 7636 wants 43 characters at least; these are 64.
            code_verifier=Secret(secrets.token_urlsafe(48)),
            until=now + LASTS,
        )

    @property
    def code_challenge(self) -> str:
        """The S256 challenge of the verifier."""
        digest = hashlib.sha256(self.code_verifier.reveal().encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def keep_authorization(
    request: web.Request,
    response: web.StreamResponse,
    pending: PendingAuthorization,
    *,
    principal: Principal,
) -> None:
    """Give *pending* to the browser, which can neither read nor change it.

    Raises:
        SettingsError: this deployment has no key to seal with.
    """
    values = {
        "state": pending.state,
        "code_verifier": pending.code_verifier.reveal(),
        "until": pending.until.isoformat(),
        "session": session_mark(request),
    }
    sealed = request.app[ASSEMBLY].sealer.seal(
        values, organization_id=principal.organization_id, provider=_purpose(pending.provider)
    )
    put_cookie(request, response, _NAME, sealed.decode("ascii"), max_age=int(LASTS.total_seconds()))


def read_authorization(
    request: web.Request, provider: str, *, principal: Principal
) -> PendingAuthorization | None:
    """Give what this session was sent to *provider* with; None if it was not, or long ago."""
    assembly, sealed = request.app[ASSEMBLY], read_cookie(request, _NAME)
    if sealed is None or not sealed.isascii():
        return None
    try:
        values = assembly.sealer.open(
            sealed.encode("ascii"),
            organization_id=principal.organization_id,
            provider=_purpose(provider),
        )
    except SettingsError:
        return None
    until = dt.datetime.fromisoformat(values["until"])
    is_theirs = hmac.compare_digest(values["session"], session_mark(request))
    if not is_theirs or assembly.clock.now() >= until:
        return None
    return PendingAuthorization(
        provider=provider,
        state=values["state"],
        code_verifier=Secret(values["code_verifier"]),
        until=until,
    )


def forget_authorization(request: web.Request, response: web.StreamResponse) -> None:
    """Take what was given by :func:`keep_authorization` from the browser."""
    drop_cookie(request, response, _NAME)


def _purpose(provider: str) -> str:
    # No provider is called so: neither opens as the other, what is sealed here and its settings.
    return f"authorization at {provider}"
