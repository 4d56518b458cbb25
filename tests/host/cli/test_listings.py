"""plugins, events list: for people and for programs."""

import functools
import json
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from clientflow_core.hookspecs import ENTRY_POINT_GROUP
from clientflow_plugins import twilio
from tests.commands import Up
from tests.databases import Addresses
from tests.host.cli.conftest import Call

TWILIO = {"TWILIO_ACCOUNT_SID": "AC" + "5" * 32, "TWILIO_AUTH_TOKEN": "6" * 32}
NUMBER = {"TWILIO_PHONE_NUMBER": "+14155550166"}
# By the result of the conformance kit that the plugin brings along.
TIER = json.loads((Path(twilio.__file__).parent / "conformance.json").read_text())["tier"]


@pytest.fixture
def cli(addresses: Addresses, call: Call) -> Call:
    """Run a command on the database of this test."""
    return functools.partial(call, DATABASE_URL=addresses.url)


OURS = [point.name for point in entry_points(group=ENTRY_POINT_GROUP)]


def plugins(call: Call, folder: Path, **settings: str) -> Any:
    result = call("plugins", "--json", "--state-dir", str(folder), **settings)
    assert result.returncode == 0, result.stderr
    return {row["name"]: row for row in json.loads(result.stdout)}


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ({}, "not set"),
        ({"TWILIO_AUTH_TOKEN": "6" * 32}, "half set"),
        (TWILIO, "invalid"),
        (TWILIO | NUMBER, "enabled"),
        (TWILIO | NUMBER | {"CLIENTFLOW_PLUGINS": ""}, "enabled"),
        ({"CLIENTFLOW_OPTIONAL_PLUGINS": "twilio"}, "not set"),
        (TWILIO | {"CLIENTFLOW_OPTIONAL_PLUGINS": "twilio"}, "quarantined"),
    ],
)
def test_plugins_tell_their_state(
    settings: dict[str, str], state: str, call: Call, tmp_path: Path
) -> None:
    row = plugins(call, tmp_path, **settings)["twilio"]
    assert list(row) == ["name", "kind", "version", "state", "tier", "reason"]
    assert (row["name"], row["kind"], row["state"], row["tier"]) == (
        "twilio", "channel", state, TIER,
    )  # fmt: skip


def test_plugins_of_a_running_up_are_on_their_sandbox(running_up: Up, call: Call) -> None:
    states = {name: row["state"] for name, row in plugins(call, running_up.state).items()}
    assert states.pop("ledger") == states.pop("local_assistant") == "local"
    assert set(states.values()) == {"sandbox"}
    row = plugins(call, running_up.state, **TWILIO, **NUMBER)["twilio"]
    assert row["state"] == "enabled"
    named = call("plugins", CLIENTFLOW_STATE_DIR=str(running_up.state))
    head, *lines = named.stdout.splitlines()
    assert head.split() == ["name", "kind", "version", "state", "tier", "reason"]
    (line,) = [line.split() for line in lines if line.startswith("twilio ")]
    assert line[3:] == ["sandbox", TIER, "-"]


def test_plugins_that_are_listed_and_not_installed_are_told_beside_those_that_are(
    call: Call, tmp_path: Path
) -> None:
    listed = {"CLIENTFLOW_PLUGINS": "pigeon", "CLIENTFLOW_OPTIONAL_PLUGINS": "owl"}
    rows = plugins(call, tmp_path, **TWILIO, **NUMBER, **listed)
    told = {name: (row["state"], row["reason"]) for name, row in rows.items()}
    assert {told.pop(name) for name in OURS} == {("disabled", None)}
    assert told == {
        "pigeon": ("broken", "CLIENTFLOW_PLUGINS names pigeon, which is not installed"),
        "owl": ("quarantined", "CLIENTFLOW_OPTIONAL_PLUGINS names owl, which is not installed"),
    }


def add_events(addresses: Addresses, count: int) -> None:
    with addresses.connect() as connection:
        connection.execute(
            "INSERT INTO inbound_events (id, provider, webhook, account, external_id, method, url,"
            " headers, body, received_at, state, reason) SELECT"
            " ('0198c0de-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'twilio',"
            " 'twilio-status', 'AC1', n::text, 'POST', 'https://a.example', '{}', 'hush',"
            " '2026-03-01 12:30:15+02', 'ignored', 'it is about a message that nobody here sent'"
            f" FROM generate_series(1, {count}) n".encode()
        )


def test_events_are_listed_newest_first_and_whole(cli: Call, addresses: Addresses) -> None:
    assert cli("events", "list").stdout == "No webhook has come in.\n"
    assert json.loads(cli("events", "list", "--json").stdout) == []
    add_events(addresses, 3)

    head, first, second = cli("events", "list", "--limit", "2").stdout.splitlines()
    assert head.split() == ["id", "received", "at", "provider", "webhook", "state", "reason"]
    assert first.split()[:3] == ["evt_0198c0de000070008000000000000003", "2026-03-01", "10:30:15Z"]
    assert first.endswith("ignored  it is about a message that nobody here sent")
    assert second.startswith("evt_0198c0de000070008000000000000002 ")

    rows = json.loads(cli("events", "list", "--json").stdout)
    assert [row["id"][-1] for row in rows] == ["3", "2", "1"]
    assert rows[0] == {
        "id": "evt_0198c0de000070008000000000000003",
        "received_at": "2026-03-01T10:30:15+00:00",
        "provider": "twilio",
        "webhook": "twilio-status",
        "state": "ignored",
        "reason": "it is about a message that nobody here sent",
    }


@pytest.mark.parametrize("command", ["events", "jobs"])
def test_listing_without_a_database_says_where_one_was_looked_for(
    command: str, call: Call, tmp_path: Path
) -> None:
    result = call(command, "list", "--state-dir", str(tmp_path))
    assert result.returncode == 1
    assert result.stderr == (
        "error: 1 setting is not usable:\n  DATABASE_URL: is not set (or start `clientflow up`"
        f" first; none runs on {tmp_path})\n"
    )


def test_listing_of_a_database_that_is_not_migrated_is_told(bare: Addresses, call: Call) -> None:
    result = call("jobs", "list", DATABASE_URL=bare.url)
    assert result.returncode == 1
    assert result.stderr.startswith("error: the schema of the database in DATABASE_URL is missing")
