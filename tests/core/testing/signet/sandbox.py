"""A stand-in for the issuer: keys, tokens, and people who sign in."""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from typing_extensions import override

from clientflow_core.sandbox import EventField, Occurrence, ProviderSandbox, SandboxEvent


class SignetSandbox(ProviderSandbox):
    name: ClassVar[str] = "signet"
    title: ClassVar[str] = "Signet"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.clear()

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        return {"SIGNET_KEY": f"key_{secrets.token_hex(16)}", "SIGNET_AUDIENCE": "us"}

    @override
    def settings(self) -> dict[str, str]:
        return self.credentials | {"SIGNET_URL": self.base_url}

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        return (
            web.get("/account", self._account),
            web.get("/keys", self._list_keys),
            web.get("/users", self._find_user),
        )

    @override
    def error_answer(self, status: int) -> web.Response:
        return web.json_response({"error": status}, status=status)

    @override
    def state(self) -> dict[str, Any]:
        return {"users": dict(self._users), "is_new_key": len(self._keys) > 1}

    @override
    def clear(self) -> None:
        self._users: dict[str, str] = {}
        self._keys = {"key-1": ec.generate_private_key(ec.SECP256R1())}

    @override
    def events(self) -> Sequence[SandboxEvent]:
        fields = {
            "subject": "7d9e4c1a-0000-4000-8000-3f2e1d0c9b8a",
            "email": "grace@example.com",
            "audience": self.credentials["SIGNET_AUDIENCE"],
            "issuer": self.base_url,
            "lifetime_seconds": "3600",
        }
        return (
            SandboxEvent(
                name="token.issued",
                summary="Somebody signs in.",
                fields=tuple(EventField(name=k, meaning=k, default=v) for k, v in fields.items()),
                happen=self._issue,
            ),
            SandboxEvent(
                name="key.changed",
                summary="It signs with a new key.",
                fields=(),
                happen=self._change_key,
            ),
        )

    def _issue(self, values: Mapping[str, str]) -> Occurrence:
        now = int(self.clock.now().timestamp())
        kid, key = list(self._keys.items())[-1]
        claims = {
            "sub": values["subject"],
            "email": values["email"],
            "aud": values["audience"],
            "iss": values["issuer"],
            "iat": now,
            "exp": now + int(values["lifetime_seconds"]),
        }
        self._users[values["email"]] = values["subject"]
        token = jwt.encode(claims, key, algorithm="ES256", headers={"kid": kid})
        return Occurrence(requests=(), facts={"token": token})

    def _change_key(self, _: Mapping[str, str]) -> Occurrence:
        self._keys[f"key-{len(self._keys) + 1}"] = ec.generate_private_key(ec.SECP256R1())
        return Occurrence(requests=(), facts={})

    def _is_known(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self.credentials['SIGNET_KEY']}"

    async def _account(self, request: web.Request) -> web.StreamResponse:
        return self._answer(request, {"name": "the office"})

    async def _list_keys(self, request: web.Request) -> web.StreamResponse:
        algorithm = jwt.get_algorithm_by_name("ES256")
        keys = [
            {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "alg": "ES256"}
            for kid, key in self._keys.items()
        ]
        return self._answer(request, {"keys": keys})

    async def _find_user(self, request: web.Request) -> web.StreamResponse:
        return self._answer(request, {"subject": self._users.get(request.query.get("email", ""))})

    def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if not self._is_known(request):
            return web.json_response({"error": "who?"}, status=HTTPStatus.UNAUTHORIZED)
        return web.json_response(body)
