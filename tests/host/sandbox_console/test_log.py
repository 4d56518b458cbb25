"""What came and went, as people read it."""

import datetime as dt

import pytest

from clientflow_core.sandbox import Answer, Call, Delivery
from clientflow_host.sandbox_console.log import read_log
from clientflow_plugins.twilio.sandbox import TwilioSandbox

NOW = dt.datetime(2026, 11, 24, 9, 30, tzinfo=dt.UTC)
SID = "AC" + "0" * 32


@pytest.fixture
def box() -> TwilioSandbox:
    credentials = TwilioSandbox.new_credentials()
    return TwilioSandbox(base_url="http://x", host_url="http://y", credentials=credentials)


def call(minute: int = 0, *, fault: str | None = None, status: int | None = None) -> Call:
    at = NOW + dt.timedelta(minutes=minute)
    path = f"/twilio/2010/Accounts/{SID}/Messages.json?To=%2B14155550123"
    return Call(at=at, method="GET", path=path, fault=fault, status=status)


@pytest.mark.parametrize(
    ("fault", "status", "outcome", "is_bad"),
    [
        (None, 201, "201", False),
        (None, 404, "404", True),
        (None, None, "…", False),
        ("429", 429, "429, as switched on", True),
        ("late", None, "…, as switched on", True),
        (Answer.TIMEOUT, None, "silence", True),
        (Answer.CUT_BEFORE, None, "cut before it was taken", True),
        (Answer.CUT_AFTER_ACCEPTANCE, None, "taken, then cut", True),
    ],
)
def test_call_is_told_with_what_became_of_it(
    box: TwilioSandbox, fault: str | None, status: int | None, outcome: str, is_bad: bool
) -> None:
    box.calls.append(call(fault=fault, status=status))
    (line,) = read_log([box])
    assert line.what == "GET /2010/Accounts/AC0000…/Messages.json"
    assert (line.outcome, line.is_bad, line.is_webhook) == (outcome, is_bad, False)


@pytest.mark.parametrize(
    ("status", "error", "outcome", "is_bad"),
    [(200, None, "200", False), (403, None, "403", True), (None, "dropped", "dropped", True)],
)
def test_webhook_is_told_with_what_the_business_said(
    box: TwilioSandbox, status: int | None, error: str | None, outcome: str, is_bad: bool
) -> None:
    url = "http://y/webhooks/twilio-status?attempt=1"
    label = "SM" + "a" * 32 + " delivered"
    box.sender.deliveries.append(
        Delivery(url=url, label=label, at=NOW, status=status, error=error, seconds=0.1)
    )
    (line,) = read_log([box])
    assert line.what == "/webhooks/twilio-status: SMaaaa… delivered"
    assert (line.outcome, line.is_bad, line.is_webhook) == (outcome, is_bad, True)


def test_newest_is_first_and_only_the_latest_are_told(box: TwilioSandbox) -> None:
    box.calls.extend(call(minute, status=200) for minute in range(100))
    lines = read_log([box, box])
    assert len(lines) == 40
    assert lines[0].at == NOW + dt.timedelta(minutes=99)
    assert [line.at for line in lines] == sorted((line.at for line in lines), reverse=True)


def test_provider_at_which_nothing_happens_does_not_crowd_the_others_out(
    box: TwilioSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.calls.extend(call(minute, status=200) for minute in range(9))
    monkeypatch.setattr(box, "events", tuple)
    assert len(read_log([box])) == 3
