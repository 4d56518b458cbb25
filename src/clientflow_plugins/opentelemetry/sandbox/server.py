"""A strict stand-in for a collector; it keeps what it was told."""

import hmac
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import quote, unquote

from aiohttp import web
from google.protobuf.message import Message  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from typing_extensions import override

from clientflow_core.sandbox import ProviderSandbox
from clientflow_plugins.opentelemetry.sandbox.reading import read_metrics, read_traces
from clientflow_plugins.opentelemetry.sandbox.refusals import PROTOBUF, Refusal, error_response

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_MOST_KEPT: Final = 5000


class CollectorSandbox(ProviderSandbox):
    """A collector that wants a key in the header ``Authorization``."""

    name: ClassVar[str] = "opentelemetry"
    title: ClassVar[str] = "OpenTelemetry"
    thing: ClassVar[str] = "report"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._spans: deque[dict[str, Any]] = deque(maxlen=_MOST_KEPT)
        # By what they are called: each time they are told, they are told anew from the beginning.
        self._metrics: dict[str, dict[str, Any]] = {}

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        """Make a key."""
        header = quote(f"Bearer {secrets.token_hex(16)}")
        return {"OTEL_EXPORTER_OTLP_HEADERS": f"authorization={header}"}

    @override
    def settings(self) -> dict[str, str]:
        """Give the key, and where the collector is."""
        return self.credentials | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.base_url,
            "OTEL_SERVICE_NAME": "clientflow-sandbox",
        }

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        """Give the two paths of OTLP that the plugin uses."""
        return (
            web.post("/v1/traces", self._guarded(self._take_traces)),
            web.post("/v1/metrics", self._guarded(self._take_metrics)),
        )

    @override
    def error_answer(self, status: int) -> web.Response:
        """Give a ``google.rpc.Status`` for *status*."""
        return error_response(Refusal(status, HTTPStatus(status).phrase))

    @override
    def state(self) -> dict[str, Any]:
        """Give every span in the order in which they came, and each metric as it was told last."""
        return {"spans": list(self._spans), "metrics": dict(self._metrics)}

    @override
    def clear(self) -> None:
        """Forget every span and metric."""
        self._spans.clear()
        self._metrics.clear()

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._authenticate(request)
                return await handler(request)
            except Refusal as refusal:
                return error_response(refusal)

        return answer

    def _authenticate(self, request: web.Request) -> None:
        header = self.credentials["OTEL_EXPORTER_OTLP_HEADERS"].partition("=")[2]
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, unquote(header).encode()):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "the key is not known")
        if request.content_type != PROTOBUF:
            reason = f"{PROTOBUF} is wanted"
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, reason)

    async def _take_traces(self, request: web.Request) -> web.StreamResponse:
        self._spans.extend(read_traces(await request.read()))
        return _taken(ExportTraceServiceResponse())

    async def _take_metrics(self, request: web.Request) -> web.StreamResponse:
        for metric in read_metrics(await request.read()):
            self._metrics[metric["name"]] = metric
        return _taken(ExportMetricsServiceResponse())


def _taken(response: Message) -> web.Response:
    return web.Response(body=response.SerializeToString(), content_type=PROTOBUF)
