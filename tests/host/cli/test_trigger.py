"""trigger: a provider's sandbox sends its own signed webhook."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from clientflow_host.cli.trigger import _print_told
from clientflow_host.state import UpNote
from tests.commands import Up, ask
from tests.host.cli.conftest import Call

SMS = "twilio.inbound-sms"


@pytest.fixture
def on_up(call: Call, running_up: Up) -> Call:
    """Run a command on what runs."""

    def run(*arguments: str) -> Any:
        return call(*arguments, "--state-dir", str(running_up.state))

    return run


@contextmanager
def switched(up: Up, **webhooks: Any) -> Iterator[None]:
    """Have the sandbox treat webhooks so for as long as the block runs."""
    url = f"{up.note['sandbox_url']}/twilio/_control/faults"
    assert ask(url, body={"webhooks": webhooks})[0] == 200
    try:
        yield
    finally:
        assert ask(url, body={"webhooks": {}})[0] == 200


def test_text_of_a_client_is_triggered_and_told(on_up: Call, running_up: Up) -> None:
    told = on_up(
        "trigger", SMS, "--set", "body=Is a=b?", "--set", "from=+14155550177", "--times", "2"
    )
    assert told.returncode == 0, told.stderr
    first, second, _, hint = told.stdout.splitlines()
    host = running_up.note["url"]
    assert first.startswith(f"✓ {SMS} to {host}/webhooks/twilio: answered 200 after ")
    assert second.startswith("✓ ")
    assert hint == f"  clientflow events list --limit 5 --state-dir {running_up.state}"

    def arrived() -> Any:
        listed = running_up.get("/api/v1/conversations?limit=100")["data"]
        return [one for one in listed if one["address"] == "+14155550177"]

    (conversation,) = running_up.command.until(arrived)
    messages = running_up.get(f"/api/v1/conversations/{conversation['id']}/messages")["data"]
    assert [message["body"] for message in messages] == ["Is a=b?"]


def test_what_was_triggered_is_told_to_programs(on_up: Call, running_up: Up) -> None:
    told = json.loads(on_up("trigger", SMS, "--json").stdout)
    assert told["event"] == SMS
    assert told["message_sid"].startswith("SM")
    assert told["statuses"] == [200]
    (delivery,) = told["deliveries"]
    assert delivery["url"] == f"{running_up.note['url']}/webhooks/twilio"


@pytest.mark.parametrize("arguments", [[], ["--list"], [SMS, "--list"]])
def test_events_are_listed(arguments: list[str], on_up: Call, running_up: Up) -> None:
    listed = on_up("trigger", *arguments).stdout
    lines = [" ".join(line.split()) for line in listed.splitlines()]
    number = running_up.note["settings"]["TWILIO_PHONE_NUMBER"]
    first = lines.index(SMS)
    assert lines[first : first + 3] == [
        SMS,
        "A client texts a number of the business.",
        "from=+14155550123 the client's number",
    ]
    assert f"to={number} the number of the business" in lines
    assert "twilio.message-status" in lines
    rows = json.loads(on_up("trigger", *arguments, "--json").stdout)
    of_twilio = [row for row in rows if row["event"].startswith("twilio.")]
    assert [row["event"] for row in of_twilio] == [SMS, "twilio.message-status"]
    assert [list(field) for field in of_twilio[0]["fields"]] == [["name", "meaning", "default"]] * 4


def test_webhook_that_is_not_taken_is_a_failure(on_up: Call, running_up: Up) -> None:
    with switched(running_up, drop=1):
        dropped = on_up("trigger", SMS)
    assert dropped.returncode == 1
    assert dropped.stdout.startswith(f"✗ {SMS} to ")
    assert "not sent, since a switch of the sandbox drops webhooks" in dropped.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["twilio.inbound"], "there is no event 'inbound' of twilio; there is: twilio.inbound-sms"),
        (["pigeon.lands"], "there is no event 'pigeon.lands'; there is: caldav."),
        ([SMS, "--set", "form=1"], f"{SMS} has no field 'form'; it has: from, to, body, pictures"),
        ([SMS, "--set", "from=me"], "the sandbox refuses it: from is no number: give +1"),
        (
            ["twilio.message-status", "--set", "message=SM1"],
            "the sandbox refuses it: message must be the SID of a text for which reports",
        ),
    ],
)
def test_what_cannot_be_triggered_is_told(arguments: list[str], told: str, on_up: Call) -> None:
    result = on_up("trigger", *arguments)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {told}")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--set", "from"], "write NAME=VALUE, not 'from'"),
        (["--set", "=x"], "write NAME=VALUE, not '=x'"),
        (["--times", "0"], "Must be >= 1"),
    ],
)
def test_what_is_not_written_right_is_told(arguments: list[str], told: str, call: Call) -> None:
    result = call("trigger", SMS, *arguments)
    assert result.returncode == 2
    assert told in result.stderr


def test_without_up_it_says_what_to_start(call: Call, tmp_path: Path) -> None:
    result = call("trigger", SMS, "--state-dir", str(tmp_path / "no"))
    assert result.returncode == 1
    assert result.stderr == (
        f"error: nothing runs on {tmp_path / 'no'} to trigger webhooks of: start `clientflow up`"
        " first, or name its --state-dir\n"
    )


def test_event_of_which_no_webhook_tells_has_happened_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = UpNote(
        url="http://127.0.0.1:1",
        email="a@example.com",
        password="",
        api_key="",
        organization_id="",
        sandbox_url=None,
        state_dir=str(tmp_path),
        settings={},
        database_url="",
    )
    _print_told({"deliveries": []}, "acme_pay.price.set", note)
    assert "acme_pay.price.set: it has happened, and no webhook tells" in capsys.readouterr().out
