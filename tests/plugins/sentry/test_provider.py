import asyncio
import contextlib
import sys

import aiohttp
import attrs
import pytest
import sentry_sdk

from clientflow_core.errors import AuthFailed, PluginError, ProviderUnavailable, RateLimited
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.sandbox import Answer, CallFault
from clientflow_core.secret import Secret
from clientflow_core.settings import load_settings
from clientflow_plugins.sentry import traces
from clientflow_plugins.sentry.sandbox import SentrySandbox
from clientflow_plugins.sentry.settings import SentrySettings
from clientflow_plugins.sentry.spec import SENTRY
from tests.plugins.sentry.conftest import Opening, raised


async def test_error_is_told_with_where_it_came_from(
    sandbox: SentrySandbox, opened: Opening
) -> None:
    async with opened() as observer:
        observer.report_error(raised(KeyError("plan")), fields={"job_id": "j1", "attempts": 3})
    (event,) = sandbox.state()["events"]
    (told,) = event["exception"]["values"]
    assert (told["type"], told["value"]) == ("KeyError", "'plan'")
    assert told["stacktrace"]["frames"][-1]["function"] == "raised"
    assert told["mechanism"] == {"type": "clientflow", "handled": False}
    assert event["tags"] == {"job_id": "j1", "attempts": "3"}
    assert event["release"] == "clientflow@sandbox+0000000"
    assert (event["environment"], event["server_name"]) == ("sandbox", "clientflow")


async def test_group_and_cause_are_told_and_words_of_both_are_hidden(
    sandbox: SentrySandbox, opened: Opening
) -> None:
    first = ValueError("ada@example.com")
    first.__cause__ = RuntimeError("https://a.example/x?token=zzz")
    error = ExceptionGroup("two", [first, OSError("+1 415 555 0177")])
    async with opened() as observer:
        observer.report_error(raised(error), fields={})
    shown = str(sandbox.state())
    assert all(name in shown for name in ("ExceptionGroup", "RuntimeError", "OSError"))
    assert not [one for one in ("ada@", "0177", "zzz") if one in shown]


async def test_private_fields_are_hidden_in_events_and_transactions_both(
    sandbox: SentrySandbox, opened: Opening
) -> None:
    fields = {"auth_token": "abc", "route": "/x?key=zzz", "organization_id": "o1"}
    async with opened() as observer:
        observer.report_error(raised(ValueError("x")), fields=fields)
        with observer.span("outer", fields=fields), observer.span("inner", fields=fields):
            pass
    hidden = {"auth_token": "[hidden]", "route": "/x?[hidden]", "organization_id": "o1"}
    (event,), (transaction,) = sandbox.state()["events"], sandbox.state()["transactions"]
    assert event["tags"] == hidden
    assert transaction["contexts"]["trace"]["data"] == hidden
    assert transaction["spans"][0]["data"] == hidden


async def test_spans_of_one_trace_are_one_transaction(
    sandbox: SentrySandbox, opened: Opening
) -> None:
    async with opened() as observer:
        with observer.span("GET /x", fields={}):
            with observer.span("call", fields={}):
                pass
            with contextlib.suppress(ValueError), observer.span("fail", fields={}):
                observer.report_error(raised(KeyError("inside")), fields={})
                raise ValueError("no")
        with observer.span("other", fields={}):
            pass
    first, second = sandbox.state()["transactions"]
    trace = first["contexts"]["trace"]
    assert (first["transaction"], second["transaction"]) == ("GET /x", "other")
    told = [(span["description"], span["status"]) for span in first["spans"]]
    assert told == [("call", "ok"), ("fail", "internal_error")]
    assert {span["parent_span_id"] for span in first["spans"]} == {trace["span_id"]}
    assert second["contexts"]["trace"]["trace_id"] != trace["trace_id"]
    (event,) = sandbox.state()["events"]
    assert event["transaction"] == "GET /x"
    assert event["contexts"]["trace"]["trace_id"] == trace["trace_id"]


async def test_tasks_have_traces_of_their_own(sandbox: SentrySandbox, opened: Opening) -> None:
    async with opened() as observer:

        async def work(name: str) -> None:
            with observer.span(name, fields={}):
                await asyncio.sleep(0)
                with observer.span(f"in {name}", fields={}):
                    await asyncio.sleep(0)

        await asyncio.gather(work("a"), work("b"))
    found = {one["transaction"]: one["spans"] for one in sandbox.state()["transactions"]}
    assert {name: [s["description"] for s in spans] for name, spans in found.items()} == {
        "a": ["in a"],
        "b": ["in b"],
    }


async def test_endless_trace_is_cut(
    sandbox: SentrySandbox, opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "_MOST_CHILDREN", 2)
    async with opened() as observer:
        with observer.span("job", fields={}):
            for _ in range(5):
                with observer.span("call", fields={}):
                    pass
    (told,) = sandbox.state()["transactions"]
    assert len(told["spans"]) == 2


async def test_cancelled_work_is_told_as_cancelled(sandbox: SentrySandbox, opened: Opening) -> None:
    async with opened() as observer:
        with pytest.raises(asyncio.CancelledError), observer.span("job", fields={}):
            raise asyncio.CancelledError
    (told,) = sandbox.state()["transactions"]
    assert told["contexts"]["trace"]["status"] == "cancelled"


async def test_without_a_rate_nothing_is_timed_and_errors_are_told(
    sandbox: SentrySandbox, opened: Opening
) -> None:
    async with opened(SENTRY_TRACES_SAMPLE_RATE="0") as observer:
        with observer.span("job", fields={}):
            observer.report_error(raised(ValueError("x")), fields={})
    state = sandbox.state()
    assert (len(state["events"]), state["transactions"]) == (1, [])


async def test_used_up_quota_holds_back_its_category_alone(
    sandbox: SentrySandbox, opened: Opening, http: aiohttp.ClientSession
) -> None:
    limit = {"category": "transaction", "seconds": 60}
    async with http.post(f"{sandbox.base_url}/_control/limits", json=limit):
        pass
    async with opened() as observer:
        for _ in range(3):
            with observer.span("job", fields={}):
                pass
            await observer.flush()
        observer.report_error(raised(ValueError("x")), fields={})
    assert len(sandbox.state()["events"]) == 1
    # The one that is answered 429; the other two are not sent.
    assert [call.status for call in sandbox.calls] == [429, 200]
    async with http.post(f"{sandbox.base_url}/_control/limits", json=limit | {"seconds": 0}):
        pass
    async with opened() as observer:
        with observer.span("job", fields={}):
            pass
    assert len(sandbox.state()["transactions"]) == 1


@pytest.mark.parametrize(
    ("part", "other", "status"),
    [("@", "a@", 400), ("/sentry/", "/sentry/9", 403), ("/sentry/", "/sentry/x/", 404)],
)
async def test_dsn_that_is_not_the_projects_is_refused(
    sandbox: SentrySandbox, http: aiohttp.ClientSession, part: str, other: str, status: int
) -> None:
    dsn = sandbox.settings()["SENTRY_DSN"]
    wrong = dsn.replace(part, other) if part != "@" else dsn.replace(dsn[7:39], "Z" * 32)
    settings = attrs.evolve(load_settings(SentrySettings, {"SENTRY_DSN": dsn}), dsn=Secret(wrong))
    async with SENTRY.open(ProviderContext(http=http), settings) as observer:
        with pytest.raises(AuthFailed, match=f"HTTP {status}"):
            await observer.verify()


async def test_verify_says_when_to_come_back(sandbox: SentrySandbox, opened: Opening) -> None:
    async with opened() as observer:
        sandbox.faults.call = CallFault(calls=1, answer=Answer.RATE_LIMITED, retry_after_seconds=9)
        with pytest.raises(RateLimited) as caught:
            await observer.verify()
        assert caught.value.retry_after_seconds == 9
        # It asks, whatever was said before.
        assert (await observer.verify()).startswith("project ")


async def test_answer_that_is_no_object_is_none(sandbox: SentrySandbox, opened: Opening) -> None:
    async with opened() as observer:
        sandbox.faults.call = CallFault(calls=1, answer=Answer.BAD_JSON)
        with pytest.raises(ProviderUnavailable, match="JSONDecodeError"):
            await observer.verify()


async def test_nothing_of_it_is_global(opened: Opening) -> None:
    async with opened():
        assert not sentry_sdk.get_client().is_active()


async def test_opening_without_the_sdk_says_what_to_install(
    sandbox: SentrySandbox, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "clientflow_plugins.sentry.provider", None)
    settings = load_settings(SentrySettings, sandbox.settings())
    with pytest.raises(PluginError, match=r"clientflow\[sentry\]"):
        async with SENTRY.open(ProviderContext(http=http), settings):
            pass
