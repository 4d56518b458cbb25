import asyncio
import contextlib
import sys
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry import metrics, trace

from clientflow_core.errors import AuthFailed, PluginError, ProviderUnavailable, RateLimited
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.sandbox import Answer, CallFault
from clientflow_core.settings import load_settings
from clientflow_plugins.opentelemetry.sandbox import CollectorSandbox
from clientflow_plugins.opentelemetry.settings import OpenTelemetrySettings
from clientflow_plugins.opentelemetry.spec import OPENTELEMETRY
from tests.plugins.opentelemetry.conftest import Opening, raised


def spans(sandbox: CollectorSandbox) -> dict[str, dict[str, Any]]:
    return {span["name"]: span for span in sandbox.state()["spans"]}


async def test_spans_inside_each_other_are_of_one_trace(
    sandbox: CollectorSandbox, opened: Opening
) -> None:
    async with opened() as observer:
        outer = observer.span("GET /x", fields={"organization_id": "o1", "token": "zzz"})
        with outer, observer.span("call", fields={"is_read": True, "attempts": 2}):
            pass
        with observer.span("other", fields={}):
            pass
    found = spans(sandbox)
    first, call, other = found["GET /x"], found["call"], found["other"]
    assert call["parent_span_id"] == first["span_id"]
    assert call["trace_id"] == first["trace_id"] != other["trace_id"]
    assert first["attributes"] == {"organization_id": "o1", "token": "[hidden]"}
    assert call["attributes"] == {"is_read": True, "attempts": 2}
    assert first["resource"]["service.name"] == "clientflow-sandbox"


async def test_error_inside_a_span_is_an_event_of_it(
    sandbox: CollectorSandbox, opened: Opening
) -> None:
    async with opened() as observer:
        with contextlib.suppress(ValueError), observer.span("job", fields={}):
            observer.report_error(raised(KeyError("ada@example.com")), fields={"job_id": "j1"})
            raise ValueError("no")
    job = spans(sandbox)["job"]
    (event,) = job["events"]
    assert event["name"] == "exception"
    told = event["attributes"]
    assert (told["exception.type"], told["exception.message"]) == ("KeyError", "'[email]'")
    assert told["job_id"] == "j1"
    assert "in raised\nKeyError: '[email]'" in told["exception.stacktrace"]
    assert job["status"] == {"code": 2, "message": "ValueError"}


async def test_error_outside_is_a_span_of_its_own(
    sandbox: CollectorSandbox, opened: Opening
) -> None:
    async with opened() as observer:
        observer.report_error(raised(KeyError("x")), fields={})
    error = spans(sandbox)["error"]
    assert error["status"] == {"code": 2, "message": "KeyError"}
    assert len(error["events"]) == 1


async def test_error_in_a_trace_that_is_left_out_is_told_with_its_trace(
    sandbox: CollectorSandbox, opened: Opening
) -> None:
    async with opened(OTEL_TRACES_SAMPLER="always_off") as observer:
        with observer.span("job", fields={}):
            observer.report_error(raised(KeyError("x")), fields={})
    assert list(spans(sandbox)) == ["error"]
    assert spans(sandbox)["error"]["parent_span_id"]


@pytest.mark.parametrize(
    ("sampler", "argument", "expected"),
    [
        ("always_on", "0", 1),
        ("traceidratio", "0", 0),
        ("traceidratio", "1", 1),
        ("parentbased_traceidratio", "0", 0),
        ("parentbased_always_off", "1", 0),
    ],
)
async def test_sampler_is_the_one_of_the_settings(
    sandbox: CollectorSandbox, opened: Opening, sampler: str, argument: str, expected: int
) -> None:
    async with opened(OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG=argument) as observer:
        with observer.span("job", fields={}):
            pass
    assert len(sandbox.state()["spans"]) == expected


async def test_durations_and_errors_are_measured(
    sandbox: CollectorSandbox, opened: Opening
) -> None:
    async with opened() as observer:
        for _ in range(3):
            with observer.span("job", fields={"job_id": "never a label"}):
                pass
        observer.report_error(raised(KeyError("x")), fields={})
    found = sandbox.state()["metrics"]
    (point,) = found["clientflow.span.duration"]["points"]
    assert (point["count"], point["attributes"]) == (3, {"span.name": "job"})
    (errors,) = found["clientflow.errors"]["points"]
    assert (errors["value"], errors["attributes"]) == (1, {"error.type": "KeyError"})


async def test_metrics_are_sent_by_themselves(sandbox: CollectorSandbox, opened: Opening) -> None:
    async with opened(OTEL_METRIC_EXPORT_INTERVAL="1") as observer:
        with observer.span("job", fields={}):
            pass
        for _ in range(2000):
            if sandbox.state()["metrics"]:
                break
            await asyncio.sleep(0.005)
        assert sandbox.state()["metrics"]


@pytest.mark.parametrize(
    ("env", "kept"), [("OTEL_TRACES_EXPORTER", "metrics"), ("OTEL_METRICS_EXPORTER", "spans")]
)
async def test_what_is_set_to_none_is_not_sent(
    sandbox: CollectorSandbox, opened: Opening, env: str, kept: str
) -> None:
    async with opened(**{env: "none"}) as observer:
        with observer.span("job", fields={}):
            pass
    assert [name for name in ("spans", "metrics") if sandbox.state()[name]] == [kept]


async def test_packed_requests_arrive(sandbox: CollectorSandbox, opened: Opening) -> None:
    async with opened(OTEL_EXPORTER_OTLP_COMPRESSION="gzip") as observer:
        with observer.span("job", fields={}):
            pass
    assert list(spans(sandbox)) == ["job"]


async def test_collector_that_wants_to_hear_nothing_is_left_alone(
    sandbox: CollectorSandbox, opened: Opening
) -> None:
    async with opened() as observer:
        sandbox.faults.call = CallFault(calls=1, answer=Answer.UNAVAILABLE, retry_after_seconds=9)
        with observer.span("job", fields={}):
            pass
        await observer.flush()
        before = sandbox.calls_seen
        with observer.span("job", fields={}):
            pass
        await observer.flush()
        assert sandbox.calls_seen == before


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(Answer.RATE_LIMITED, RateLimited), (Answer.BAD_JSON, ProviderUnavailable)],
)
async def test_verify_says_what_is_wrong(
    sandbox: CollectorSandbox, opened: Opening, answer: Answer, kind: type[Exception]
) -> None:
    async with opened() as observer:
        sandbox.faults.call = CallFault(calls=1, answer=answer, retry_after_seconds=9)
        with pytest.raises(kind):
            await observer.verify()
        assert await observer.verify() == sandbox.base_url


async def test_page_of_somebody_else_is_no_collector(opened: Opening) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="<html>welcome</html>", content_type="text/html")

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    async with TestServer(app) as server:
        endpoint = str(server.make_url("/"))
        opening = opened(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
        async with opening as observer:
            with pytest.raises(ProviderUnavailable, match="DecodeError"):
                await observer.verify()


async def test_wrong_key_is_refused(opened: Opening) -> None:
    async with opened(OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20x") as observer:
        with pytest.raises(AuthFailed, match="OTEL_EXPORTER_OTLP_HEADERS"):
            await observer.verify()


async def test_nothing_of_it_is_global(opened: Opening) -> None:
    async with opened() as observer:
        with observer.span("job", fields={}):
            assert not trace.get_current_span().get_span_context().is_valid
        assert type(trace.get_tracer_provider()).__module__.startswith("opentelemetry.trace")
        assert not type(metrics.get_meter_provider()).__module__.startswith("opentelemetry.sdk")


async def test_opening_without_the_sdk_says_what_to_install(
    sandbox: CollectorSandbox, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "clientflow_plugins.opentelemetry.provider", None)
    settings = load_settings(OpenTelemetrySettings, sandbox.settings())
    with pytest.raises(PluginError, match=r"clientflow\[opentelemetry\]"):
        async with OPENTELEMETRY.open(ProviderContext(http=http), settings):
            pass
