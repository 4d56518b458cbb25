"""migrate and init, as an operator runs them on a database of their own."""

import functools
import re
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import URL

from clientflow_core.persistence.readiness import expected_revision
from clientflow_core.persistence.server import connection_string
from tests.commands import Up
from tests.databases import Addresses
from tests.host.cli.conftest import Call

TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC" + "5" * 32,
    "TWILIO_AUTH_TOKEN": "6" * 32,
    "TWILIO_PHONE_NUMBER": "+14155550166",
}


@pytest.fixture
def init(addresses: Addresses, call: Call) -> Call:
    """Run ``clientflow init`` on the database of this test."""
    return functools.partial(call, "init", DATABASE_URL=addresses.url)


def counts(url: URL) -> object:
    with psycopg.connect(connection_string(url)) as connection:
        return connection.execute(
            "SELECT (SELECT count(*) FROM organizations), (SELECT count(*) FROM users),"
            " (SELECT count(*) FROM api_keys), (SELECT count(*) FROM channels)"
        ).fetchone()


def test_schema_is_brought_up_to_date_as_often_as_one_likes(bare: Addresses, call: Call) -> None:
    owner = bare.owner.set(drivername="postgresql").render_as_string(hide_password=False)
    settings = {"DATABASE_URL": bare.url, "CLIENTFLOW_OWNER_DATABASE_URL": owner}
    for _ in range(2):
        result = call("migrate", **settings)
        assert (result.returncode, result.stdout) == (
            0,
            f"The schema is at {expected_revision()}.\n",
        ), result.stderr
    assert counts(bare.superuser) == (0, 0, 0, 0)


@pytest.mark.proves("RB1")
def test_schema_goes_back_to_a_revision_that_is_named(bare: Addresses, call: Call) -> None:
    owner = bare.owner.set(drivername="postgresql").render_as_string(hide_password=False)
    settings = {"DATABASE_URL": bare.url, "CLIENTFLOW_OWNER_DATABASE_URL": owner}
    assert call("migrate", **settings).returncode == 0
    back = call("migrate", "--to", "0009", **settings)
    assert back.stdout == "The schema is at 0009.\n", back.stderr
    assert call("migrate", **settings).stdout == f"The schema is at {expected_revision()}.\n"
    unknown = call("migrate", "--to", "7777", **settings)
    assert unknown.returncode == 2
    assert "there is no revision '7777'" in unknown.stderr


def test_migrate_names_every_address_that_is_missing(call: Call, tmp_path: Path) -> None:
    result = call("migrate")
    assert result.returncode == 1
    assert "DATABASE_URL: is not set (the database," in result.stderr
    assert "CLIENTFLOW_OWNER_DATABASE_URL: is not set (the same," in result.stderr
    owner = call("migrate", DATABASE_URL="postgresql://a@b/c")
    assert "1 setting is not usable" in owner.stderr
    wrong = {"DATABASE_URL": "postgresql://a@b/c", "CLIENTFLOW_OWNER_DATABASE_URL": "hush"}
    malformed = call("migrate", **wrong)
    assert malformed.stderr.startswith("error: CLIENTFLOW_OWNER_DATABASE_URL is not a PostgreSQL")
    assert "hush" not in malformed.stderr


def test_init_tells_login_and_key_once_and_changes_nothing_later(
    init: Call, addresses: Addresses
) -> None:
    first = init("--name", "A [b] business", **TWILIO)
    assert first.returncode == 0, first.stderr
    assert "The organization main is made; channels added: 1." in first.stdout
    assert re.search(r"shown this once: owner@localhost  \S{16}\n", first.stdout)
    assert re.search(r"API key, shown this once: cf_live_\S{43}\n", first.stdout)
    assert counts(addresses.superuser) == (1, 1, 1, 1)

    again = init("--name", "Another name", **TWILIO)
    assert again.returncode == 0
    assert "The organization main is there already; channels added: 0." in again.stdout
    assert "once" not in again.stdout
    assert "cf_live_" not in again.stdout
    assert counts(addresses.superuser) == (1, 1, 1, 1)


def test_init_adds_channels_and_owners_that_have_come_to_be_named(
    init: Call, addresses: Addresses
) -> None:
    assert "channels added: 0" in init().stdout
    assert "channels added: 1" in init(**TWILIO).stdout
    other = init("--email", "other@example.com", **TWILIO).stdout
    assert "cf_live_" in other
    assert counts(addresses.superuser) == (1, 2, 2, 1)


def test_init_does_not_take_a_number_from_another_organization(
    init: Call, addresses: Addresses
) -> None:
    init(**TWILIO)
    result = init("--slug", "second", "--email", "second@example.com", **TWILIO)
    assert result.returncode == 1
    assert "+14155550166 belongs to another organization" in result.stderr
    assert counts(addresses.superuser) == (1, 1, 1, 1)


def test_init_shows_where_a_free_plan_begins_as_often_as_it_is_asked(
    init: Call, addresses: Addresses, tmp_path: Path
) -> None:
    plan = 'key = "free"\ntitle = "Free"\nprice = 0\ncurrency = "USD"\ninterval = "month"\n'
    (tmp_path / "plans.toml").write_text(f"[[plans]]\n{plan}")
    ledger = {"LEDGER_WEBHOOK_SECRET": "a secret", "LEDGER_CATALOGUE": str(tmp_path / "plans.toml")}
    for _ in range(2):
        shown = init(**ledger).stdout
        assert re.search(r"The plan Free is free; begin it at http\S+/books\?checkout=\S+\n", shown)
    with addresses.connect() as connection:
        found = connection.execute("SELECT count(*) FROM billing_customers").fetchone()
        assert found == (1,)


def test_init_ends_well_where_nobody_tells_what_is_sold(init: Call) -> None:
    away = {
        "STRIPE_SECRET_KEY": "sk_test_1",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{'a' * 32}",
        "STRIPE_API_BASE_URL": "http://127.0.0.1:1",
    }
    result = init(**away)
    assert result.returncode == 0, result.stderr
    assert "Whether a plan is free cannot be told now" in result.stdout


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--slug", "A b", "small letters"),
        ("--slug", "-a", "small letters"),
        ("--email", "nobody", "owner@example.com"),
        ("--name", " ", "at least one letter"),
    ],
)
def test_init_refuses_what_cannot_be(option: str, value: str, told: str, call: Call) -> None:
    result = call("init", f"{option}={value}")
    assert result.returncode == 2
    assert told in result.stderr.replace("\n", " ")


def test_init_names_every_setting_that_is_wrong(call: Call, tmp_path: Path) -> None:
    settings = {"CLIENTFLOW_STATE_DIR": str(tmp_path), "TWILIO_AUTH_TOKEN": "x"}
    result = call("init", CLIENTFLOW_LOG_LEVEL="loud", **settings)
    assert result.returncode == 1
    named = [line.split(":")[0].strip() for line in result.stderr.splitlines()[1:]]
    assert named == ["CLIENTFLOW_LOG_LEVEL", "DATABASE_URL", "TWILIO_ACCOUNT_SID"]


def test_init_on_a_database_that_is_not_migrated_is_told(bare: Addresses, call: Call) -> None:
    result = call("init", DATABASE_URL=bare.url)
    assert result.returncode == 1
    assert result.stderr.startswith("error: the schema of the database in DATABASE_URL is missing")


def test_init_finds_the_database_of_a_running_up(running_up: Up) -> None:
    result = running_up.run("init", "--slug", "another", "--email", "another@example.com")
    assert result.returncode == 0, result.stderr
    assert "The organization another is made" in result.stdout
