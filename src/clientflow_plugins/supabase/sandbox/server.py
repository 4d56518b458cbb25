"""A strict stand-in for one project's Supabase Auth."""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final

import jwt
from aiohttp import web
from typing_extensions import override

from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.sandbox import EventField, Occurrence, ProviderSandbox, SandboxEvent
from clientflow_plugins.supabase.sandbox.issuing import SigningKey, User, claims_of
from clientflow_plugins.supabase.sandbox.refusals import (
    Refusal,
    auth_refusal,
    error_response,
    no_key,
    wrong_key,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_ADMIN_PARAMETERS: Final = frozenset({"page", "per_page", "filter"})
_LONGEST_PAGE: Final = 1000
_KEYS_PATH: Final = "/auth/v1/.well-known/jwks.json"


class SupabaseSandbox(ProviderSandbox):
    """The users of one project, and the keys that it signs with."""

    name: ClassVar[str] = "supabase"
    title: ClassVar[str] = "Supabase Auth"
    thing: ClassVar[str] = "question"
    only_reads: ClassVar[bool] = True
    public_paths: ClassVar[frozenset[str]] = frozenset({_KEYS_PATH})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._users: dict[str, User] = {}
        self._keys = [SigningKey()]

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        """Make the keys of a new project, of the new kind, and an old shared secret."""
        return {
            "SUPABASE_PUBLISHABLE_KEY": f"sb_publishable_{secrets.token_hex(16)}",
            "SUPABASE_SECRET_KEY": f"sb_secret_{secrets.token_hex(16)}",
            "SUPABASE_JWT_SECRET": secrets.token_hex(32),
        }

    @override
    def settings(self) -> dict[str, str]:
        """Give the keys, and where the project is."""
        return self.credentials | {"SUPABASE_URL": self.base_url}

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        """Give the resources that the plugin uses; the first one everybody may read."""
        return (
            web.get(_KEYS_PATH, self._list_keys),
            web.get("/auth/v1/settings", _answering(self._get_settings)),
            web.get("/auth/v1/admin/users", _answering(self._list_users)),
        )

    @override
    def error_answer(self, status: int) -> web.Response:
        """Give the auth server's JSON for *status*."""
        codes = {HTTPStatus.TOO_MANY_REQUESTS: "over_request_rate_limit"}
        code = codes.get(HTTPStatus(status), "unexpected_failure")
        return error_response(auth_refusal(status, code, HTTPStatus(status).phrase))

    @override
    def state(self) -> dict[str, Any]:
        """Give the users, and the names of the keys."""
        return {
            "users": [user.as_json() for user in self._users.values()],
            "keys": len(self._keys),
        }

    @override
    def clear(self) -> None:
        """Forget every user, and make a new key."""
        self._users.clear()
        self._keys = [SigningKey()]

    @override
    def events(self) -> Sequence[SandboxEvent]:
        """Give that somebody signs in, and that the project changes its key."""
        fields = {
            "subject": ("who it is", "11111111-2222-4333-8444-555555555555"),
            "email": ("by which address", "grace@example.com"),
            "audience": ("for whom", "authenticated"),
            "issuer": ("by whom", f"{self.base_url}/auth/v1"),
            "lifetime_seconds": ("how long it counts", "3600"),
            "aal": ("aal1, or aal2 with a second factor", "aal1"),
            "signature": ("key, or secret as it was of old", "key"),
            "confirmed": ("whether the address is, yes or no", "yes"),
        }
        listed = tuple(
            EventField(name=name, meaning=meaning, default=default)
            for name, (meaning, default) in fields.items()
        )
        return (
            SandboxEvent(
                name="token.issued", summary="Somebody signs in.", fields=listed, happen=self._issue
            ),
            SandboxEvent(
                name="key.rotated",
                summary="The project signs with a new key.",
                fields=(),
                happen=self._rotate,
            ),
        )

    def _issue(self, values: Mapping[str, str]) -> Occurrence:
        lifetime = values["lifetime_seconds"]
        if not lifetime.removeprefix("-").isdecimal():
            rule = "must be a whole number"
            raise InvalidInput(f"/lifetime_seconds {rule}", [FieldError("/lifetime_seconds", rule)])
        now = self.clock.now()
        is_confirmed = values["confirmed"] == "yes"
        user = User(values["subject"], values["email"].lower(), now, is_confirmed)
        self._users[user.id] = user
        claims = claims_of(
            user,
            issuer=values["issuer"],
            audience=values["audience"],
            at=now,
            lifetime_seconds=int(lifetime),
            aal=values["aal"],
        )
        return Occurrence(requests=(), facts={"token": self._sign(claims, by=values["signature"])})

    def _sign(self, claims: Mapping[str, Any], *, by: str) -> str:
        if by == "secret":
            secret = self.credentials["SUPABASE_JWT_SECRET"]
            return jwt.encode(dict(claims), secret, algorithm="HS256")
        return self._keys[-1].sign(claims)

    def _rotate(self, _: Mapping[str, str]) -> Occurrence:
        self._keys.append(SigningKey())
        return Occurrence(requests=(), facts={"kid": self._keys[-1].kid})

    async def _list_keys(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"keys": [key.public() for key in reversed(self._keys)]})

    async def _get_settings(self, request: web.Request) -> web.StreamResponse:
        self._require_key(request)
        return web.json_response(
            {
                "external": {"email": True, "phone": False},
                "disable_signup": False,
                "mailer_autoconfirm": False,
                "phone_autoconfirm": False,
                "saml_enabled": False,
            }
        )

    async def _list_users(self, request: web.Request) -> web.StreamResponse:
        if self._require_key(request) != self.credentials["SUPABASE_SECRET_KEY"]:
            # A publishable key is no token, and so the auth server sees none.
            message = "This endpoint requires a valid Bearer token"
            raise auth_refusal(HTTPStatus.UNAUTHORIZED, "no_authorization", message)
        query = request.query
        if set(query) - _ADMIN_PARAMETERS:
            unknown = sorted(set(query) - _ADMIN_PARAMETERS)[0]
            reason = f"the sandbox does not know the parameter {unknown}"
            raise auth_refusal(HTTPStatus.BAD_REQUEST, "validation_failed", reason)
        page, size = _number(query.get("page", "1")), _number(query.get("per_page", "50"))
        # By LIKE, as the auth server does: in the address, as it is written.
        found = [u for u in self._users.values() if query.get("filter", "") in u.email]
        start = (page - 1) * size
        listed = [user.as_json() for user in found[start : start + size]]
        return web.json_response({"users": listed, "aud": "authenticated"})

    def _require_key(self, request: web.Request) -> str:
        given = request.headers.get("apikey")
        if given is None:
            raise no_key()
        known = (
            self.credentials["SUPABASE_PUBLISHABLE_KEY"],
            self.credentials["SUPABASE_SECRET_KEY"],
        )
        found = [key for key in known if _is_same(given, key)]
        if not found or request.headers.get("Authorization") not in {None, f"Bearer {given}"}:
            raise wrong_key()
        return found[0]


def _is_same(given: str, key: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), key.encode())


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= _LONGEST_PAGE:
        reason = "page and per_page must be numbers"
        raise auth_refusal(HTTPStatus.BAD_REQUEST, "validation_failed", reason)
    return int(text)


def _answering(handler: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            return error_response(refusal)

    return answer
