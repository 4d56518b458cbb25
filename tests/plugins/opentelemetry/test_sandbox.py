"""The stand-in refuses what the protocol forbids."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import aiohttp
import pytest
from google.protobuf.message import Message  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from clientflow_plugins.opentelemetry.sandbox import CollectorSandbox

PROTOBUF = "application/x-protobuf"
SERVICE = KeyValue(key="service.name", value=AnyValue(string_value="x"))


async def post(
    sandbox: CollectorSandbox,
    http: aiohttp.ClientSession,
    path: str,
    body: bytes,
    *,
    key: str | None = None,
    content_type: str = PROTOBUF,
) -> tuple[int, str]:
    good = unquote(sandbox.credentials["OTEL_EXPORTER_OTLP_HEADERS"].partition("=")[2])
    headers = {"Authorization": good if key is None else key, "Content-Type": content_type}
    async with http.post(sandbox.base_url + path, data=body, headers=headers) as answer:
        found = await answer.read()
        assert answer.content_type == PROTOBUF
        return answer.status, "" if answer.ok else Status.FromString(found).message


def traces() -> Any:
    request = ExportTraceServiceRequest()
    one = request.resource_spans.add()
    one.resource.attributes.append(SERVICE)
    span = one.scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = b"1" * 16, b"1" * 8, "x"
    span.start_time_unix_nano, span.end_time_unix_nano = 1, 2
    return request


def span_of(request: Any) -> Any:
    return request.resource_spans[0].scope_spans[0].spans[0]


def metrics() -> Any:
    request = ExportMetricsServiceRequest()
    one = request.resource_metrics.add()
    one.resource.attributes.append(SERVICE)
    metric: Metric = one.scope_metrics.add().metrics.add()
    metric.name = "x"
    metric.histogram.aggregation_temporality = 2  # type: ignore[assignment]
    point = metric.histogram.data_points.add()
    point.time_unix_nano, point.count = 1, 3
    point.bucket_counts.extend([1, 2])
    return request


def metric_of(request: Any) -> Any:
    return request.resource_metrics[0].scope_metrics[0].metrics[0]


def break_with(name: str, value: Any) -> Callable[[Any], None]:
    return lambda of: setattr(of, name, value)


async def test_good_requests_are_taken(
    sandbox: CollectorSandbox, http: aiohttp.ClientSession
) -> None:
    for path, request in (("/v1/traces", traces()), ("/v1/metrics", metrics())):
        body = request.SerializeToString()
        assert await post(sandbox, http, path, body) == (200, "")
    assert len(sandbox.state()["spans"]) == len(sandbox.state()["metrics"]) == 1


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"key": "Bearer wrong"}, 401), ({"content_type": "application/json"}, 415)],
)
async def test_strangers_and_other_encodings_are_refused(
    sandbox: CollectorSandbox, http: aiohttp.ClientSession, changed: Any, status: int
) -> None:
    assert (await post(sandbox, http, "/v1/traces", b"", **changed))[0] == status


@pytest.mark.parametrize("body", [b"{}", b"\xff\xff", b"\xfa\x3f\x01\x00"])
async def test_what_is_no_request_is_refused(
    sandbox: CollectorSandbox, http: aiohttp.ClientSession, body: bytes
) -> None:
    assert (await post(sandbox, http, "/v1/traces", body))[0] == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trace_id", b"1"),
        ("trace_id", bytes(16)),
        ("span_id", bytes(8)),
        ("parent_span_id", b"1"),
        ("name", ""),
        ("end_time_unix_nano", 0),
    ],
)
async def test_span_that_is_invalid_is_refused(
    sandbox: CollectorSandbox, http: aiohttp.ClientSession, name: str, value: Any
) -> None:
    request = traces()
    setattr(span_of(request), name, value)
    assert (await post(sandbox, http, "/v1/traces", request.SerializeToString()))[0] == 400


async def test_attribute_twice_and_resource_without_a_name_are_refused(
    sandbox: CollectorSandbox, http: aiohttp.ClientSession
) -> None:
    twice, nameless = traces(), traces()
    span_of(twice).attributes.extend([SERVICE, SERVICE])
    del nameless.resource_spans[0].resource.attributes[:]
    requests: list[Message] = [twice, nameless]
    for request in requests:
        assert (await post(sandbox, http, "/v1/traces", request.SerializeToString()))[0] == 400


@pytest.mark.parametrize(
    "spoil",
    [
        break_with("name", ""),
        lambda metric: metric.ClearField("data"),
        lambda metric: metric.ClearField("histogram"),
        lambda metric: setattr(metric.histogram, "aggregation_temporality", 0),
        lambda metric: setattr(metric.histogram.data_points[0], "count", 9),
        lambda metric: setattr(metric.histogram.data_points[0], "time_unix_nano", 0),
    ],
)
async def test_metric_that_is_invalid_is_refused(
    sandbox: CollectorSandbox, http: aiohttp.ClientSession, spoil: Callable[[Any], None]
) -> None:
    request = metrics()
    spoil(metric_of(request))
    assert (await post(sandbox, http, "/v1/metrics", request.SerializeToString()))[0] == 400
