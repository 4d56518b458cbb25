"""events list by what became of them, events show, events replay."""

import functools
import json
import os
import pty
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.commands import CLI, Command, Up, environment
from tests.databases import Addresses
from tests.host.cli.conftest import Call
from tests.texts import ACCOUNT, CLIENT, NUMBER, TOKEN, form, text

TWILIO = {
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": TOKEN,
    "TWILIO_PHONE_NUMBER": NUMBER,
}
FORM = "application/x-www-form-urlencoded"
GONE = "evt_" + "0" * 32


@pytest.fixture
def cli(addresses: Addresses, call: Call) -> Call:
    """Run a command on the database of this test."""
    return functools.partial(call, DATABASE_URL=addresses.url)


def add_event(addresses: Addresses, number: int = 1, **changes: Any) -> str:
    """Keep an event; give its id."""
    values = {
        "id": uuid.UUID(f"0198c0de-0000-7000-8000-{number:012}"),
        "provider": "twilio",
        "webhook": "twilio",
        "account": "AC1",
        "external_id": f"SM{number}",
        "method": "POST",
        "url": "https://a.example/webhooks/twilio",
        "headers": Jsonb({"content-type": FORM, "x-twilio-signature": "s1gn"}),
        "body": form(text("Hello?", MessageSid="SM" + "7" * 32)),
        "received_at": "2026-03-01 12:30:15+02",
        "state": "received",
        **changes,
    }
    names, places = ", ".join(values), ", ".join(["%s"] * len(values))
    with addresses.connect() as connection:
        statement = f"INSERT INTO inbound_events ({names}) VALUES ({places})"
        connection.execute(statement.encode(), list(values.values()))
    return f"evt_{values['id'].hex}"


def add_job(addresses: Addresses, public_id: str, **changes: Any) -> None:
    """Ask for the handling of an event."""
    args = Jsonb({"event_id": str(uuid.UUID(public_id.removeprefix("evt_")))})
    values = {"lane": "inbound", "kind": "handle_inbound_event", "args": args, **changes}
    names, places = ", ".join(values), ", ".join(["%s"] * len(values))
    with addresses.connect() as connection:
        statement = f"INSERT INTO jobs ({names}) VALUES ({places})"
        connection.execute(statement.encode(), list(values.values()))


# list


def test_events_are_listed_by_what_became_of_them(cli: Call, addresses: Addresses) -> None:
    states = ["received", "done", "ignored", "failed"]
    ids = {state: add_event(addresses, n, state=state) for n, state in enumerate(states)}

    def listed(*options: str) -> set[str]:
        return {row["id"] for row in json.loads(cli("events", "list", "--json", *options).stdout)}

    assert listed() == set(ids.values())
    assert listed("--failed") == {ids["failed"]}
    assert listed("--failed", "--ignored") == {ids["failed"], ids["ignored"]}
    # The ids are of August 2025.
    assert listed("--since", "2025-08-01", "--ignored") == {ids["ignored"]}
    assert listed("--since", "2025-12-01T12:00Z") == listed("--since", "2h") == set()
    nothing = cli("events", "list", "--failed", "--since", "7d")
    assert nothing.stdout == "There is no such webhook.\n"


@pytest.mark.parametrize("since", ["yesterday", "2x", "h", "-2h", "2026-13-01", ""])
def test_time_that_is_none_is_told(since: str, call: Call) -> None:
    result = call("events", "list", f"--since={since}")
    assert result.returncode == 2
    assert "Invalid value for --since" in result.stderr


# show


def test_event_is_shown_with_all_that_is_known(cli: Call, addresses: Addresses) -> None:
    public_id = add_event(
        addresses,
        state="failed",
        reason="no \x1b[2J From",
        handled_at="2026-03-01 12:30:15.25+02",
        organization_id=None,
    )
    add_job(
        addresses,
        public_id,
        attempts=14,
        last_error="KeyError",
        dead_at="2026-03-05 10:00:00+00",
    )
    shown = cli("events", "show", public_id, **TWILIO)
    assert shown.returncode == 0, shown.stderr
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    for line in (
        f"{public_id} failed",
        "received 2026-03-01 10:30:15Z",
        "handled 2026-03-01 10:30:15Z, 250 ms later",
        "reason no \\x1b[2J From",
        "job 1, given up 2026-03-05 10:00:00Z after 14 of 14 tries; the last error: KeyError",
        "provider twilio, webhook twilio",
        "account AC1",
        "external id SM1",
        "organization not known",
        "POST https://a.example/webhooks/twilio",
        "x-twilio-signature s1gn",
        "Body, a form of 143 bytes",
        f"From {CLIENT}",
        "What twilio reads in it",
        "MessageReceived",
        "body Hello?",
        "Once the cause is mended, have it handled again:",
    ):
        assert line in lines, shown.stdout
    assert lines[-1].endswith(f" events replay {public_id}")


def test_event_is_shown_to_programs(cli: Call, addresses: Addresses) -> None:
    headers = Jsonb({"content-type": FORM, "authorization": "Basic hush", "x-sign": "shown"})
    url = "https://a.example/webhooks/twilio?token=hush"
    public_id = add_event(addresses, headers=headers, url=url)
    add_job(addresses, public_id)
    shown = json.loads(cli("events", "show", public_id, "--json", **TWILIO).stdout)
    assert (shown["id"], shown["state"], shown["organization_id"]) == (public_id, "received", None)
    assert shown["received_at"] == "2026-03-01T10:30:15+00:00"
    assert shown["handled_at"] is None
    assert (shown["job"]["attempts"], shown["job"]["is_running"]) == (0, False)
    request = shown["request"]
    assert request["headers"] == {
        "content-type": FORM, "authorization": "(hidden)", "x-sign": "shown"
    }  # fmt: skip
    assert request["url"] == "https://a.example/webhooks/twilio?token=(hidden)"
    assert request["body"].startswith(f"MessageSid=SM{'7' * 32}&")
    assert request["body_base64"] is None
    assert [one["kind"] for one in shown["meaning"]] == ["MessageReceived"]
    assert shown["trouble"] is None


def test_body_that_is_no_text_is_shown_safely(cli: Call, addresses: Addresses) -> None:
    public_id = add_event(addresses, body=b"\x1b]0;title\x07\xff", state="done")
    shown = cli("events", "show", public_id, **TWILIO)
    assert "\x1b" not in shown.stdout
    assert "Body, 11 bytes that are no text" in shown.stdout
    assert "it cannot be read: the body is not a form in UTF-8" in shown.stdout
    assert "replay" not in shown.stdout
    request = json.loads(cli("events", "show", public_id, "--json").stdout)["request"]
    assert (request["body"], request["body_base64"]) == (None, "G10wO3RpdGxlB/8=")


@pytest.mark.parametrize(
    ("settings", "webhook", "told"),
    [
        ({}, "twilio", "no enabled plugin has the webhook 'twilio'"),
        (TWILIO, "pigeon", "no enabled plugin has the webhook 'pigeon'"),
        ({"TWILIO_AUTH_TOKEN": "1" * 32}, "twilio", "the plugins cannot be asked: 1 setting is"),
    ],
)
def test_event_of_a_plugin_that_cannot_be_asked_is_shown_all_the_same(
    settings: dict[str, str], webhook: str, told: str, cli: Call, addresses: Addresses
) -> None:
    public_id = add_event(addresses, webhook=webhook)
    shown = cli("events", "show", public_id, **settings)
    assert shown.returncode == 0, shown.stderr
    assert told in shown.stdout
    assert "Hello?" in shown.stdout


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"run_at": "2026-03-01T10:31:00Z"}, "1, 0 of 14 tries, due since 2026-03-01 10:31:00Z"),
        (
            {"run_at": "2096-03-01T10:31:00Z", "attempts": 2, "last_error": "Oops"},
            "1, 2 of 14 tries, the next one 2096-03-01 10:31:00Z; the last error: Oops",
        ),
        ({"claimed_by": 7, "attempts": 1}, "1, a worker has it; 1 of 14 tries"),
        (None, "none, so that nobody will handle it"),
    ],
)
def test_job_of_an_event_is_told(
    changes: dict[str, Any] | None, told: str, cli: Call, addresses: Addresses
) -> None:
    public_id = add_event(addresses)
    if changes is not None:
        add_job(addresses, public_id, **changes)
    (line,) = (
        line for line in cli("events", "show", public_id).stdout.splitlines()
        if line.startswith("job ")
    )  # fmt: skip
    assert line.removeprefix("job").strip() == told
    assert ("events replay" in cli("events", "show", public_id).stdout) == (changes is None)


@pytest.mark.parametrize("command", ["show", "replay"])
@pytest.mark.parametrize(
    ("public_id", "told"),
    [
        (GONE, f"error: there is no inbound event {GONE}\n"),
        ("evt_12", "error: there is no 'evt_12': an id of this kind is evt_ and 32 hexadecimal"),
        ("msg_" + "0" * 32, "error: there is no 'msg_"),
    ],
)
def test_event_that_is_not_there_is_told(
    command: str, public_id: str, told: str, cli: Call
) -> None:
    result = cli("events", command, public_id)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(told)


def test_event_fits_a_narrow_terminal(running_up: Up) -> None:
    assert running_up.run("trigger", "twilio.inbound-sms").returncode == 0
    listed = json.loads(running_up.run("events", "list", "--json").stdout)
    # Beside the text, others of its providers may have sent something.
    event = next(one for one in listed if one["provider"] == "twilio" and one["state"] == "done")
    arguments = ["events", "show", event["id"], "--state-dir", str(running_up.state)]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [*CLI, *arguments], environment(COLUMNS="60", NO_COLOR="1"))
    output = b""
    while True:
        try:
            output += os.read(terminal, 65_536)
        except OSError:
            break
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert "What twilio reads in it" in output.decode()
    plain = output.decode().replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "")
    assert max(len(line.rstrip()) for line in plain.splitlines()) <= 60


# replay


def test_replay_without_a_worker_asks_and_says_so(cli: Call, addresses: Addresses) -> None:
    failed = add_event(addresses, 1, state="failed", reason="Oops")
    ignored = add_event(addresses, 2, state="ignored", reason="nobody's")
    done = add_event(addresses, 3, state="done")
    result = cli("events", "replay", failed, done, ignored, failed)
    assert result.returncode == 1
    head, *lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert head == "id outcome reason"
    assert lines == [
        f"{failed} waiting -",
        f"{done} done before nothing is left to be done",
        f"{ignored} waiting -",
        "3 replayed: 2 waiting, 1 done before.",
        "Not handled yet; no worker is running: start `clientflow worker`.",
    ]
    with addresses.connect() as connection:
        jobs = connection.execute("SELECT args ->> 'event_id' FROM jobs ORDER BY id").fetchall()
    assert [f"evt_{uuid.UUID(str(one)).hex}" for (one,) in jobs] == [failed, ignored]


def test_replay_that_is_not_followed_is_a_success(cli: Call, addresses: Addresses) -> None:
    public_id = add_event(addresses, state="failed")
    result = cli("events", "replay", "--failed", "--wait", "0", "--json")
    assert result.returncode == 0
    waiting = {"id": public_id, "outcome": "waiting", "reason": None}
    assert json.loads(result.stdout) == [waiting]
    again = cli("events", "replay", "--failed")
    assert (again.returncode, again.stdout) == (0, "There is no such webhook.\n")


def test_of_many_only_those_that_are_open_are_listed(cli: Call, addresses: Addresses) -> None:
    for number in range(60):
        add_event(addresses, number, state="ignored")
    result = cli("events", "replay", "--ignored", "--since", "2025-01-01")
    lines = result.stdout.splitlines()
    assert len([line for line in lines if line.startswith("evt_")]) == 50
    assert lines[-2] == "60 replayed: 60 waiting."
    # The oldest first, as they came in.
    assert lines[1].startswith("evt_0198c0de000070008000000000000000 ")


def test_one_that_is_not_there_keeps_the_others_from_being_replayed(
    cli: Call, addresses: Addresses
) -> None:
    public_id = add_event(addresses, state="failed")
    result = cli("events", "replay", public_id, GONE)
    assert (result.returncode, result.stdout) == (1, "")
    with addresses.connect() as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (0,)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "name events by their ids, or choose"),
        (["--since", "2h"], "name events by their ids, or choose"),
        ([GONE, "--failed"], "not both"),
        ([GONE, "--since", "2h"], "not both"),
        (["--failed", "--wait", "-1"], "Must be >= 0"),
    ],
)
def test_replay_of_who_knows_what_is_refused(arguments: list[str], told: str, call: Call) -> None:
    result = call("events", "replay", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert told in " ".join(result.stderr.replace("│", " ").split())


def test_replay_is_followed_to_its_end(cli: Call, addresses: Addresses, room: Path) -> None:
    unreadable = add_event(addresses, 1, state="failed", body=b"\xff", reason="then")
    ignored = [add_event(addresses, number, state="ignored") for number in range(2, 27)]
    settings = {**TWILIO, "CLIENTFLOW_WORKER_PORT": "0", "DATABASE_URL": addresses.url}
    worker = Command.start("worker", folder=room, **settings)
    worker.says('"listening"')

    many = cli("events", "replay", "--ignored")
    assert many.returncode == 0, many.stdout
    lines = [" ".join(line.split()) for line in many.stdout.splitlines()]
    reason = f"no channel of twilio has the address {NUMBER}"
    assert lines[1:-1] == [f"{one} ignored {reason}" for one in ignored]
    assert lines[-1] == "25 replayed: 25 ignored."

    one = cli("events", "replay", unreadable)
    assert one.returncode == 1
    lines = [" ".join(line.split()) for line in one.stdout.splitlines()]
    assert lines[1].startswith(f"{unreadable} failed the body is not a form in UTF-8")
    assert lines[2].startswith("What is known of one: ")
    assert lines[2].endswith(" events show ID")
    assert len(lines) == 3
    assert worker.stop() == 0
