"""What the checks of identity providers stand on: tokens, good ones and forged ones."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from typing_extensions import override

from clientflow_core.domain.identities import Identity
from clientflow_core.errors import Unauthenticated
from clientflow_core.providers.spec import Capability
from clientflow_core.secret import Secret
from clientflow_core.testing.calls import OrdinaryCall
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.stage import Stage

SUBJECT: Final = "6f1c2d3e-0000-4000-8000-5a1b0c2d3e4f"
EMAIL: Final = "ada@example.com"
# Signed in the oldest way of all.
_HS256: Final = "HS256"


class IdentityChecks(Conformance):
    """An identity provider of which is known what :class:`IdentityConformance` says."""

    token_event: ClassVar[str | None] = None
    key_event: ClassVar[str | None] = None

    def token(self, stage: Stage, **fields: str) -> Secret:
        """Let somebody sign in at the sandbox, and give the token.

        Args:
            stage: has the sandbox.
            fields: what is said in the token, where it is not as usual.
        """
        facts = self.happen_there(stage, self._token_event_of(stage), fields)
        token = facts.get("token")
        assert isinstance(token, str), "the facts of the sandbox's event have no token"
        assert token.strip(), "the token of the sandbox's event is empty"
        return Secret(token)

    def change_key(self, stage: Stage) -> None:
        """Let the issuer sign with a new key from now on."""
        names = [event.name for event in stage.server.call(stage.sandbox.events)]
        name = self.key_event or next((one for one in names if one.startswith("key")), None)
        if name is None:
            leave_out(NotSupported("the sandbox has no event by which a new key is used"))
        self.happen_there(stage, name, {})

    def happen_there(self, stage: Stage, name: str, fields: Mapping[str, str]) -> Mapping[str, Any]:
        """Let the event *name* happen, and give its facts."""

        def let_happen() -> Mapping[str, Any]:
            event = next(one for one in stage.sandbox.events() if one.name == name)
            given = {**self.event_values.get(name, {}), **fields}
            values = {one.name: given.get(one.name, one.default) for one in event.fields}
            unknown = sorted(given.keys() - values.keys())
            assert not unknown, f"the event {name} has no field {unknown[0]}"
            open_ones = [one for one, value in values.items() if value is None]
            assert not open_ones, f"the field {open_ones[0]} of {name} has no default"
            return event.happen({k: v for k, v in values.items() if v is not None}).facts

        return stage.server.call(let_happen)

    @override
    async def calls(self, provider: Any, stage: Stage) -> Sequence[OrdinaryCall]:
        """Look somebody up, where that can be done; to recognize a token needs no call."""

        async def find_user(asked: Any) -> None:
            await asked.find_user(EMAIL)

        if Capability.USER_LOOKUP not in self.spec.capabilities:
            return ()
        return [OrdinaryCall(name="find_user", ask=find_user, is_change=False)]

    @override
    async def use(self, provider: Any, stage: Stage) -> None:
        """Recognize somebody, and nobody."""
        await provider.authenticate(self.token(stage))
        await require_refused("junk", provider, Secret("not.a.token"))
        await super().use(provider, stage)

    def _token_event_of(self, stage: Stage) -> str:
        events = stage.server.call(stage.sandbox.events)
        assert events, "the sandbox has no events(): nobody can sign in"
        return self.token_event or events[0].name


async def recognized(provider: Any, token: Secret, what: str = "a good token") -> Identity:
    """Give whose *token* it is, which nothing speaks against."""
    try:
        identity = await provider.authenticate(token)
    except Exception as error:
        msg = f"{what} raises {type(error).__name__}: {error}"
        raise AssertionError(msg) from error
    assert isinstance(identity, Identity), f"authenticate gives {identity!r}"
    return identity


async def require_refused(what: str, provider: Any, token: Secret) -> None:
    """Hold that *token* raises ``Unauthenticated``."""
    try:
        await provider.authenticate(token)
    except Unauthenticated:
        return
    except Exception as error:
        msg = f"{what} raises {type(error).__name__}, not Unauthenticated"
        raise AssertionError(msg) from error
    msg = f"{what} is believed, and must raise Unauthenticated"
    raise AssertionError(msg)


class Parts:
    """A JSON web token, taken apart.

    Args:
        token: as it was issued; the check is left out where it is none of these.

    Attributes:
        header: what it says of itself.
        claims: what it says of somebody.
        signature: of both.
    """

    def __init__(self, token: Secret) -> None:
        try:
            header, claims, signature = token.reveal().split(".")
            self.header, self.claims = _read(header), _read(claims)
        except (ValueError, binascii.Error):
            leave_out(NotSupported("its tokens are no JSON web tokens"))
        self.signature = signature

    def with_header(self, **fields: str) -> Secret:
        """Give the token with another header; the signature stays."""
        return self._joined(self.header | fields, self.signature)

    def unsigned(self, algorithm: str) -> Secret:
        """Give the token without a signature, which is what it says of itself."""
        return self._joined(self.header | {"alg": algorithm}, "")

    def signed_by(self, secret: bytes) -> Secret:
        """Give the token signed with *secret*, by HMAC."""
        header = self.header | {"alg": _HS256}
        signed = self._joined(header, "").reveal().removesuffix(".")
        return self._joined(header, _write(hmac.digest(secret, signed.encode(), "sha256")))

    def _joined(self, header: Mapping[str, Any], signature: str) -> Secret:
        parts = (json.dumps(one, separators=(",", ":")).encode() for one in (header, self.claims))
        return Secret(".".join([*map(_write, parts), signature]))


def _read(part: str) -> dict[str, Any]:
    read = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if not isinstance(read, dict):
        msg = "no JSON object"
        raise ValueError(msg)
    return read


def _write(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
