"""The observer itself, on OpenTelemetry's SDK."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, Self

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context
from typing_extensions import override

from clientflow_core.domain.private_words import hide_private_fields
from clientflow_core.providers.handover import Handover
from clientflow_core.providers.observer import Fields, ObserverProvider
from clientflow_core.providers.spec import ProviderContext
from clientflow_plugins.opentelemetry.exporter import OtlpExporter
from clientflow_plugins.opentelemetry.settings import OpenTelemetrySettings
from clientflow_plugins.opentelemetry.stacks import stack_of, words_of
from clientflow_plugins.opentelemetry.telemetry import (
    Measures,
    resource_of,
    sampler_of,
    tracer_of,
)

# A span takes some 2 kB while it waits.
_MOST_HELD: Final = 1000
_BATCH: Final = 100
_FLUSH_SECONDS: Final = 6.0
# Held among the spans: the numbers so far are to be sent.
_COLLECT: Final = None


class OpenTelemetryObserver(ObserverProvider):
    """Tells one collector; an async context.

    Args:
        context: lends the HTTP session.
        settings: the collector.
    """

    def __init__(self, context: ProviderContext, settings: OpenTelemetrySettings) -> None:
        self._settings = settings
        self._exporter = OtlpExporter(context.http, settings)
        self._handover: Handover[Any] = Handover(
            self._send,
            name="opentelemetry",
            most_held=_MOST_HELD,
            batch=_BATCH,
            flush_seconds=_FLUSH_SECONDS,
        )
        resource = resource_of(settings)
        self._measures = Measures(resource)
        self._tracer = tracer_of(resource, sampler_of(settings), self._handover.hold)
        # Errors are told, whatever the sampler says of the trace that they happen in.
        self._error_tracer = tracer_of(resource, ALWAYS_ON, self._handover.hold)
        self._current: ContextVar[Span | None] = ContextVar("otel_span", default=None)

    async def __aenter__(self) -> Self:
        await self._handover.__aenter__()
        self._collecting = asyncio.create_task(self._collect_regularly())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._collecting.cancel()
        self._handover.hold(_COLLECT)
        try:
            await self._handover.__aexit__(kind, error, traceback)
        finally:
            self._measures.close()

    @override
    async def verify(self) -> str:
        """Post nothing to the collector, which it has to take, and give its address.

        Raises:
            AuthFailed: the headers are not what it wants.
            RateLimited, ProviderUnavailable: it does not take anything now.
        """
        await self._exporter.prove()
        return self._settings.endpoint

    @override
    def report_error(self, error: BaseException, *, fields: Fields) -> None:
        """Keep *error*, as an event of the span around it or of one of its own."""
        with contextlib.suppress(Exception):
            self._measures.count(error)
            span = self._current.get()
            if span is not None and span.is_recording():
                _record(span, error, fields)
                return
            own = self._error_tracer.start_span("error", context=_around(span))
            _record(own, error, fields)
            own.set_status(Status(StatusCode.ERROR, type(error).__name__))
            own.end()

    @override
    @contextlib.contextmanager
    def span(self, name: str, *, fields: Fields) -> Iterator[None]:
        """Time what the block does."""
        outer, began = self._current.get(), time.perf_counter()
        span = self._tracer.start_span(
            name, context=_around(outer), attributes=hide_private_fields(fields)
        )
        self._current.set(span)
        failure: BaseException | None = None
        try:
            yield
        except BaseException as error:
            failure = error
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            # Not by a token, which only fits in the context that it was made in.
            self._current.set(outer)
            span.end()
            self._measures.time(name, time.perf_counter() - began, failure)

    @override
    async def flush(self) -> None:
        """Send what is held, for some seconds at the most."""
        self._handover.hold(_COLLECT)
        await self._handover.flush()

    async def _collect_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._settings.metric_interval_milliseconds / 1000)
            self._handover.hold(_COLLECT)

    async def _send(self, held: Sequence[Any]) -> None:
        spans = [one for one in held if one is not _COLLECT]
        if spans and self._settings.traces == "otlp":
            await self._exporter.export("/v1/traces", encode_spans(spans))
        if len(spans) < len(held) and self._settings.metrics == "otlp":
            metrics = self._measures.collect()
            if metrics is not None:
                await self._exporter.export("/v1/metrics", encode_metrics(metrics))


def _around(span: Span | None) -> Context:
    # Never the context of the process, which may be somebody else's span.
    return Context() if span is None else set_span_in_context(span, Context())


def _record(span: Span, error: BaseException, fields: Fields) -> None:
    # https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/
    span.add_event(
        "exception",
        {
            **hide_private_fields(fields),
            "exception.type": type(error).__qualname__,
            "exception.message": words_of(error),
            "exception.stacktrace": stack_of(error),
        },
    )
