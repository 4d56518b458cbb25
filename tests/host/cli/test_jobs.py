"""jobs list, show, retry, discard: for people and for programs."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Business
from tests.databases import Addresses
from tests.host.cli.conftest import Call

DIED = dt.datetime(2026, 3, 1, 12, 30, 15, tzinfo=dt.UTC)


@pytest.fixture
def cli(call: Call, addresses: Addresses) -> Call:
    """Call a command on the database of the test."""

    def run(*arguments: str) -> Any:
        return call(*arguments, DATABASE_URL=addresses.url)

    return run


@pytest.fixture
def add(addresses: Addresses, business: Business) -> Callable[..., int]:
    """Add a job, by default one of upkeep that was given up."""

    def insert(
        kind: str = "x", *, error: str = "provider_unavailable", dead_at: dt.datetime | None = DIED
    ) -> int:
        with addresses.connect() as connection:
            row = connection.execute(
                "INSERT INTO jobs (lane, kind, organization_id, args, run_at, last_error, dead_at)"
                " VALUES ('upkeep', %s, %s, '{}', %s, %s, %s) RETURNING id",
                [kind, business.organization_id, DIED, error, dead_at],
            ).fetchone()
        assert row is not None
        return int(str(row[0]))

    return insert


def test_jobs_are_listed_with_those_that_were_given_up(cli: Call, add: Callable[..., int]) -> None:
    assert cli("jobs", "list").stdout == "There is nothing to do.\n"
    assert cli("jobs", "list", "--dead").stdout == "Nothing was given up.\n"
    add(dead_at=None)
    add()
    rows = json.loads(cli("jobs", "list", "--json").stdout)
    names = ["id", "lane", "kind", "run_at", "attempts", "last_error", "dead_at"]
    assert [list(row) for row in rows] == [names, names]
    assert [row["dead_at"] for row in rows] == [None, "2026-03-01T12:30:15+00:00"]
    _, dead = cli("jobs", "list", "--dead").stdout.splitlines()
    assert dead.rstrip().endswith("  provider_unavailable  2026-03-01 12:30:15Z  retry")


def test_kind_and_error_choose_among_those_that_were_given_up(
    cli: Call, add: Callable[..., int]
) -> None:
    one, other = add("x"), add("y", error="KeyError")
    for option, chosen in (("--kind=x", one), ("--error=KeyError", other)):
        rows = json.loads(cli("jobs", "list", option, "--json").stdout)
        assert [row["id"] for row in rows] == [chosen]


def test_one_is_shown_with_why_and_what_can_be_done(cli: Call, add: Callable[..., int]) -> None:
    job_id = add()
    shown = json.loads(cli("jobs", "show", str(job_id), "--json").stdout)
    assert (shown["id"], shown["remedy"], shown["last_error"]) == (
        job_id,
        "retry",
        "provider_unavailable",
    )
    assert shown["organization_id"].startswith("org_")
    assert "brings them up to date" in cli("jobs", "show", str(job_id)).stdout
    missing = cli("jobs", "show", "999999")
    assert (missing.returncode, missing.stderr) == (
        1,
        "error: there is no such job; it may be done\n",
    )


def test_one_that_was_given_up_is_repeated_once(cli: Call, add: Callable[..., int]) -> None:
    job_id = add()
    result = cli("jobs", "retry", str(job_id), "--json")
    assert json.loads(result.stdout) == [{"id": job_id, "outcome": "retried"}]
    assert result.returncode == 0
    again = cli("jobs", "retry", str(job_id))
    assert "not given up" in again.stdout
    assert again.returncode == 1


def test_all_of_a_kind_are_repeated(cli: Call, add: Callable[..., int]) -> None:
    for kind in ("x", "x", "y"):
        add(kind)
    assert cli("jobs", "retry", "--kind", "x").stdout == "2 retried, 0 left alone.\n"
    told = json.loads(cli("jobs", "retry", "--all", "--json").stdout)
    assert told == {"retried": 1, "left": {}}


@pytest.mark.parametrize("arguments", [(), ("1", "--all")])
def test_what_is_repeated_must_be_named_in_one_way(cli: Call, arguments: tuple[str, ...]) -> None:
    result = cli("jobs", "retry", *arguments)
    assert result.returncode == 2
    assert "name jobs by their ids, or choose them" in result.stderr


def test_one_is_discarded_with_a_reason_that_is_kept(cli: Call, add: Callable[..., int]) -> None:
    job_id = add()
    assert cli("jobs", "discard", str(job_id)).returncode == 2
    result = cli("jobs", "discard", str(job_id), "--reason", "a test of ours", "--json")
    assert json.loads(result.stdout) == [{"id": job_id, "outcome": "discarded"}]
    assert cli("jobs", "list").stdout == "There is nothing to do.\n"
    [row] = json.loads(cli("jobs", "list", "--discarded", "--json").stdout)
    assert (row["id"], row["discard_reason"]) == (job_id, "a test of ours")
    assert row["discarded_by"]
    assert "not given up" in cli("jobs", "retry", str(job_id)).stdout
