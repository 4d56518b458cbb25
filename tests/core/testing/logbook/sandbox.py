"""A stand-in for where the records go."""

import secrets
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, ClassVar

from aiohttp import web
from typing_extensions import override

from clientflow_core.sandbox import ProviderSandbox


class LogbookSandbox(ProviderSandbox):
    name: ClassVar[str] = "logbook"
    title: ClassVar[str] = "Logbook"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._records: list[dict[str, Any]] = []

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        return {"LOGBOOK_KEY": f"key_{secrets.token_hex(16)}"}

    @override
    def settings(self) -> dict[str, str]:
        return self.credentials | {"LOGBOOK_URL": self.base_url}

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        return (web.get("/account", self._account), web.post("/records", self._take))

    @override
    def error_answer(self, status: int) -> web.Response:
        return web.json_response({"error": status}, status=status)

    @override
    def state(self) -> dict[str, Any]:
        return {"records": list(self._records)}

    @override
    def clear(self) -> None:
        self._records.clear()

    def _is_known(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self.credentials['LOGBOOK_KEY']}"

    async def _account(self, request: web.Request) -> web.StreamResponse:
        if not self._is_known(request):
            return web.json_response({}, status=HTTPStatus.UNAUTHORIZED)
        return web.json_response({"name": "the bridge"})

    async def _take(self, request: web.Request) -> web.StreamResponse:
        if not self._is_known(request):
            return web.json_response({}, status=HTTPStatus.UNAUTHORIZED)
        records = (await request.json())["records"]
        for record in records:
            if not record.keys() & {"error", "span"} or "fields" not in record:
                return web.json_response({}, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        self._records.extend(records)
        return web.json_response({})
