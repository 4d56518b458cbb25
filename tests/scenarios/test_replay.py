"""An operator's bad day: texts come in and cannot be handled; the cause is mended; they are."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Up
from tests.databases import Addresses

BROKEN = "REVOKE INSERT ON contacts FROM clientflow_app"
BODIES = ("first", "second")
MENDED = "GRANT INSERT ON contacts TO clientflow_app"


@pytest.fixture
def up(room: Path, addresses: Addresses) -> Up:
    """What an operator runs, on a database to which we have the superuser's key."""
    return Up.start(room, DATABASE_URL=addresses.url)


def ask(addresses: Addresses, statement: str) -> list[tuple[Any, ...]]:
    with addresses.connect() as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def told(up: Up, *arguments: str, code: int = 0) -> Any:
    """Run a command, and give its JSON."""
    result = up.run(*arguments, "--json")
    assert result.returncode == code, result.stderr
    return json.loads(result.stdout)


def test_text_that_was_given_up_arrives_once_its_cause_is_mended(
    up: Up, addresses: Addresses
) -> None:
    ask(addresses, BROKEN)
    for body in BODIES:
        sent = told(up, "trigger", "twilio.inbound-sms", "--set", f"body={body}", "--times", "2")
        assert sent["statuses"] == [200, 200]
    up.command.until(lambda: not ask(addresses, "SELECT 1 FROM jobs WHERE last_error IS NULL"))

    def are_given_up() -> bool:
        # The schedule would take days over it.
        ask(
            addresses,
            "UPDATE jobs SET max_attempts = 1, run_at = now()"
            " WHERE claimed_by IS NULL AND dead_at IS NULL",
        )
        return len(ask(addresses, "SELECT 1 FROM jobs WHERE dead_at IS NOT NULL")) == len(BODIES)

    up.command.until(are_given_up)
    failed = told(up, "events", "list", "--failed")
    assert [event["state"] for event in failed] == ["failed", "failed"]
    first = failed[-1]["id"]
    shown = told(up, "events", "show", first)
    assert shown["job"]["dead_at"] is not None
    assert [one["body"] for one in shown["meaning"]] == ["first"]

    # Too early: what is broken still is, and that is told at once.
    (again,) = told(up, "events", "replay", first, code=1)
    assert again["outcome"] == "put off"
    assert again["reason"].startswith("ProgrammingError; the next try is at ")

    ask(addresses, MENDED)
    (replayed,) = told(up, "events", "replay", first)
    # The next try may have come in between.
    assert (replayed["id"], replayed["outcome"] in {"done", "done before"}) == (first, True)
    (second,) = told(up, "events", "replay", "--failed")
    assert second["outcome"] == "done"

    (conversation,) = up.get("/api/v1/conversations")["data"]
    messages = up.get(f"/api/v1/conversations/{conversation['id']}/messages")["data"]
    assert sorted(message["body"] for message in messages) == [*BODIES]
    assert ask(addresses, "SELECT count(*) FROM jobs") == [(0,)]

    # Once more changes nothing.
    (third,) = told(up, "events", "replay", first)
    assert third["outcome"] == "done before"
    assert told(up, "events", "replay", "--failed") == []
    assert ask(addresses, "SELECT count(*) FROM messages") == [(2,)]
