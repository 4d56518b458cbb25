"""The stand-in of the heliograph, which is strict."""

import hmac
import json
import re
import secrets
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from aiohttp import web
from typing_extensions import override

from clientflow_core.sandbox import (
    EventField,
    Occurrence,
    ProviderSandbox,
    SandboxEvent,
    SignedRequest,
)

PAGE = 50
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")


class HeliographSandbox(ProviderSandbox):
    name: ClassVar[str] = "heliograph"
    title: ClassVar[str] = "Heliograph"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.flashes: list[dict[str, str]] = []
        self.told: list[dict[str, Any]] = []

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        return {
            "HELIOGRAPH_KEY": secrets.token_hex(16),
            "HELIOGRAPH_HILL": f"hill-{secrets.token_hex(4)}",
            "HELIOGRAPH_TOWER": "+15550100199",
        }

    @override
    def settings(self) -> dict[str, str]:
        return self.credentials | {"HELIOGRAPH_URL": self.base_url}

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        return (
            web.get("/v1/account", self.guarded(self._account)),
            web.post("/v1/flashes", self.guarded(self._flash)),
            web.get("/v1/flashes", self.guarded(self._list)),
            web.get("/v1/events", self.guarded(self._list_events)),
        )

    @override
    def error_answer(self, status: int) -> web.Response:
        return web.json_response({"error": "out of order"}, status=status)

    @override
    def state(self) -> dict[str, Any]:
        return {"flashes": [dict(one) for one in self.flashes]}

    @override
    def clear(self) -> None:
        self.flashes.clear()
        self.told.clear()

    @override
    def events(self) -> Sequence[SandboxEvent]:
        last = next((one["id"] for one in reversed(self.flashes) if one["ref"]), None)
        return (
            SandboxEvent(
                name="flash.seen",
                summary="A client flashes at us.",
                fields=(
                    EventField(name="from", meaning="who", default="+14155550123"),
                    EventField(name="to", meaning="our tower", default="+15550100199"),
                    EventField(name="body", meaning="the text", default="Sun at nine?"),
                ),
                happen=self._see,
            ),
            SandboxEvent(
                name="flash.read",
                summary="A flash of ours was read.",
                fields=(EventField(name="id", meaning="which", default=last),),
                happen=self._report,
            ),
        )

    def may(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(
            given.encode(), f"Key {self.credentials['HELIOGRAPH_KEY']}".encode()
        )

    def signing_key(self) -> bytes:
        return self.credentials["HELIOGRAPH_KEY"].encode()

    def guarded(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            if not self.may(request):
                return web.json_response({"error": "who are you?"}, status=401)
            return await handler(request)

        return answer

    async def _account(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"name": "The hill"})

    async def _flash(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if not NUMBER.fullmatch(body["to"]) or not 1 <= len(body["text"]) <= 1600:
            return web.json_response({"error": "not so"}, status=422)
        return web.json_response(self._add(body), status=201)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        wanted = request.query.get("ref")
        found = [one for one in self.flashes if wanted in {None, one["ref"]}]
        return web.json_response({"flashes": found})

    async def _list_events(self, request: web.Request) -> web.StreamResponse:
        since, after = int(request.query["since"]), request.query["after"]
        found = [one for one in self.told if one["at"] >= since]
        begin = 1 + next((n for n, one in enumerate(found) if one["event"] == after), -1)
        shown = found[begin : begin + PAGE]
        return web.json_response({"events": shown, "has_more": len(found) > begin + PAGE})

    def _add(self, body: Mapping[str, str]) -> dict[str, str]:
        names = ("from", "to", "text", "ref")
        flash = {"id": f"F{uuid.uuid4().hex}", **{name: body.get(name, "") for name in names}}
        self.flashes.append(flash)
        return flash

    def _see(self, values: Mapping[str, str]) -> Occurrence:
        flash = self._add({"from": values["from"], "to": values["to"], "text": values["body"]})
        return Occurrence(requests=[self._sign({**flash, "kind": "flash"})])

    def _report(self, values: Mapping[str, str]) -> Occurrence:
        (flash,) = [one for one in self.flashes if one["id"] == values["id"]]
        return Occurrence(requests=[self._sign({**flash, "kind": "report", "state": "read"})])

    def _sign(self, event: Mapping[str, str]) -> SignedRequest:
        hill = self.credentials["HELIOGRAPH_HILL"]
        now = int(self.clock.now().timestamp())
        told = {**event, "event": uuid.uuid4().hex, "hill": hill, "at": now}
        self.told.append(told)
        body, at = json.dumps(told).encode(), str(now)
        digest = hmac.digest(self.signing_key(), at.encode() + b"." + body, "sha256").hex()
        return SignedRequest(
            url=f"{self.host_url}/webhooks/heliograph",
            headers={
                "Content-Type": "application/json",
                "Heliograph-Kind": event["kind"],
                "Heliograph-Signature": f"t={at},s={digest}",
            },
            body=body,
            label=event["id"],
        )
