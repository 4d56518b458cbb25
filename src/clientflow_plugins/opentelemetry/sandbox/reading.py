"""Reads OTLP to the letter: what the protocol does not know, or forbids, is refused.

https://github.com/open-telemetry/opentelemetry-proto: trace/v1/trace.proto and
metrics/v1/metrics.proto say which values are invalid.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from google.protobuf.unknown_fields import UnknownFieldSet  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from clientflow_plugins.opentelemetry.sandbox.refusals import malformed

_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8


def read_traces(body: bytes) -> list[dict[str, Any]]:
    """Give the spans of *body*.

    Raises:
        Refusal: it breaks a rule.
    """
    request = _decode(ExportTraceServiceRequest, body)
    return [
        _read_span(span, _resource(one.resource))
        for one in request.resource_spans
        for scope in one.scope_spans
        for span in scope.spans
    ]


def read_metrics(body: bytes) -> list[dict[str, Any]]:
    """Give the metrics of *body*.

    Raises:
        Refusal: it breaks a rule.
    """
    request = _decode(ExportMetricsServiceRequest, body)
    return [
        _read_metric(metric, _resource(one.resource))
        for one in request.resource_metrics
        for scope in one.scope_metrics
        for metric in scope.metrics
    ]


def _decode(kind: Any, body: bytes) -> Any:
    try:
        message = kind.FromString(body)
    except DecodeError as error:
        raise malformed(f"this is no {kind.__name__}") from error
    for part in _parts(message):
        if len(UnknownFieldSet(part)):
            raise malformed(f"{type(part).__name__} has a field that nobody knows")
    return message


def _parts(message: Message) -> Iterator[Message]:
    yield message
    for _, value in message.ListFields():
        inner = [value] if isinstance(value, Message) else value
        if isinstance(inner, (str, bytes)) or not isinstance(inner, Iterable):
            continue
        for one in inner:
            if isinstance(one, Message):
                yield from _parts(one)


def _resource(resource: Any) -> dict[str, Any]:
    found = _attributes(resource.attributes)
    if not found.get("service.name"):
        raise malformed("a resource without service.name")
    return found


def _read_span(span: Any, resource: dict[str, Any]) -> dict[str, Any]:
    if len(span.trace_id) != _TRACE_ID_BYTES or not any(span.trace_id):
        raise malformed("a trace_id of other than 16 bytes, or of zeros")
    if len(span.span_id) != _SPAN_ID_BYTES or not any(span.span_id):
        raise malformed("a span_id of other than 8 bytes, or of zeros")
    if len(span.parent_span_id) not in {0, _SPAN_ID_BYTES}:
        raise malformed("a parent_span_id of other than 8 bytes")
    if not span.name:
        raise malformed("a span without a name")
    if not 0 < span.start_time_unix_nano <= span.end_time_unix_nano:
        raise malformed("a span that ends before it begins")
    return {
        "resource": resource,
        "name": span.name,
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex(),
        "seconds": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        "attributes": _attributes(span.attributes),
        "status": {"code": span.status.code, "message": span.status.message},
        "events": [
            {"name": one.name, "attributes": _attributes(one.attributes)} for one in span.events
        ],
    }


def _read_metric(metric: Any, resource: dict[str, Any]) -> dict[str, Any]:
    kind = metric.WhichOneof("data")
    if not metric.name or kind is None:
        raise malformed("a metric without a name, or without data")
    data = getattr(metric, kind)
    if kind != "gauge" and not data.aggregation_temporality:
        raise malformed(f"{metric.name} does not say over which time it counts")
    return {
        "resource": resource,
        "name": metric.name,
        "unit": metric.unit,
        "kind": kind,
        "points": [_read_point(point, kind) for point in data.data_points],
    }


def _read_point(point: Any, kind: str) -> dict[str, Any]:
    if not point.time_unix_nano:
        raise malformed("a point without a time")
    found = {"attributes": _attributes(point.attributes)}
    if kind == "histogram":
        if sum(point.bucket_counts) != point.count:
            raise malformed("a histogram whose buckets do not add up")
        return found | {"count": point.count, "sum": point.sum}
    return found | {"value": getattr(point, point.WhichOneof("value") or "as_int")}


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        if not pair.key or pair.key in found or kind is None:
            raise malformed("an attribute without a name or a value, or one that is there twice")
        value = getattr(pair.value, kind)
        found[pair.key] = value if isinstance(value, str | bool | int | float) else str(value)
    return found
