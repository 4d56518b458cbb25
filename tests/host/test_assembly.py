"""From settings to a database, a registry and a queue."""

import importlib.util
from typing import Any

import pytest
import sqlalchemy as sa

from clientflow_core.errors import DatabaseUnfit, PluginError, SettingsError
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.readiness import expected_revision
from clientflow_core.providers.spec import AnySpec
from clientflow_core.services.initialize import NewChannel
from clientflow_host.assembly import (
    assemble,
    load_everything,
    open_database,
    own_channels,
    require_schema,
)
from clientflow_host.settings import HostSettings, load_host_settings
from tests.databases import Addresses

LIMITS = sa.text(
    "SELECT current_setting('statement_timeout'), reset_val FROM pg_settings"
    " WHERE name = 'statement_timeout'"
)
TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC" + "5" * 32,
    "TWILIO_AUTH_TOKEN": "6" * 32,
    "TWILIO_PHONE_NUMBER": "+14155550166",
}


def names(caught: "pytest.ExceptionInfo[SettingsError]") -> list[str]:
    return [problem.env for problem in caught.value.problems]


def test_settings_of_the_host_and_of_the_plugins_are_loaded_together() -> None:
    settings, registry = load_everything({"CLIENTFLOW_PORT": "8123", **TWILIO})
    assert settings.port == 8123
    assert list(registry.providers) == ["twilio"]
    assert own_channels(registry) == [NewChannel("twilio", "+14155550166", "Twilio SMS")]


def test_without_settings_no_provider_is_enabled() -> None:
    _, registry = load_everything({})
    assert not registry.providers
    assert own_channels(registry) == []


def test_every_problem_is_told_at_once() -> None:
    values = {"CLIENTFLOW_PORT": "x", "CLIENTFLOW_HOST": "h", "TWILIO_AUTH_TOKEN": "t"}
    with pytest.raises(SettingsError) as caught:
        load_everything(values, needs_database=True)
    assert names(caught) == ["CLIENTFLOW_PORT", "DATABASE_URL", "TWILIO_ACCOUNT_SID"]


def test_named_plugin_must_be_set_and_others_are_left_out() -> None:
    with pytest.raises(SettingsError) as caught:
        load_everything({"CLIENTFLOW_PLUGINS": "twilio"})
    assert names(caught) == ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"]
    with pytest.raises(SettingsError, match="names pigeon"):
        load_everything({"CLIENTFLOW_PLUGINS": "pigeon"})


def test_optional_plugin_that_cannot_be_used_is_left_out_and_kept_in_mind() -> None:
    values = {"CLIENTFLOW_OPTIONAL_PLUGINS": "twilio,owl", "TWILIO_ACCOUNT_SID": "s3cret"}
    _, registry = load_everything(values)
    assert not registry.providers
    reasons = {one.name: one.reason for one in registry.quarantined}
    assert reasons.keys() == {"twilio", "owl"}
    assert "TWILIO_AUTH_TOKEN is not set" in reasons["twilio"]
    assert "s3cret" not in str(reasons)


def test_plugin_cannot_be_both_required_and_optional() -> None:
    both = {"CLIENTFLOW_PLUGINS": "twilio", "CLIENTFLOW_OPTIONAL_PLUGINS": "twilio", **TWILIO}
    with pytest.raises(SettingsError, match="names twilio, as CLIENTFLOW_PLUGINS does"):
        load_everything(both)


def test_required_plugin_without_its_sdk_refuses_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    values = {"CLIENTFLOW_PLUGINS": "twilio", **TWILIO}
    words = "needs twilio for 'twilio', which is not installed: pip install 'clientflow.twilio.'"
    with pytest.raises(PluginError, match=words):
        load_everything(values)
    # Together with everything else that is wrong.
    with pytest.raises(SettingsError, match=words) as caught:
        load_everything(values, needs_database=True)
    assert names(caught) == ["DATABASE_URL", "CLIENTFLOW_PLUGINS"]
    # What is not listed is in nobody's way.
    _, registry = load_everything(TWILIO)
    assert [one.summary for one in registry.quarantined] == ["its SDK is not installed"]


def test_provider_that_is_left_out_needs_no_settings() -> None:
    def is_twilio(spec: AnySpec) -> bool:
        return spec.name == "twilio"

    values = {"CLIENTFLOW_PLUGINS": "twilio"}
    _, registry = load_everything(values, leave_out=is_twilio)
    assert not registry.providers
    with pytest.raises(SettingsError):
        load_everything(values, leave_out=lambda _: False)


def test_webhook_address_must_agree_with_where_the_host_is_reached() -> None:
    url = {"TWILIO_WEBHOOK_URL": "https://a.example/webhooks/twilio"}
    with pytest.raises(SettingsError, match=r"must be http://127\.0\.0\.1:8123/webhooks/twilio"):
        load_everything({"CLIENTFLOW_PORT": "8123", **TWILIO, **url})
    load_everything({"CLIENTFLOW_PUBLIC_URL": "https://a.example/", **TWILIO, **url})


async def test_assembly_is_open_for_as_long_as_the_block_runs(addresses: Addresses) -> None:
    async with assemble({"DATABASE_URL": addresses.url, **TWILIO}) as assembly:
        assert assembly.direct_url == addresses.application
        channel = await assembly.registry.channel("twilio")
        assert channel is await assembly.registry.channel("twilio")
        async with assembly.database.system() as transaction:
            transaction.wake("inbound")
    with pytest.raises(Exception, match="open the registry first"):
        await assembly.registry.channel("twilio")


async def test_direct_address_is_used_where_it_is_given(addresses: Addresses) -> None:
    direct = f"{addresses.url}&application_name=direct"
    values = {"DATABASE_URL": addresses.url, "CLIENTFLOW_DIRECT_DATABASE_URL": direct}
    async with assemble(values) as assembly:
        assert assembly.direct_url.query["application_name"] == "direct"
        async with assembly.database.system() as transaction:
            limits = await transaction.execute(LIMITS)
            # A pooler, which the other address must lead through, would not know the connection's.
            assert tuple(limits.one()) == ("9s", "0")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"DATABASE_URL": "mysql://a@b/c"}, "DATABASE_URL is not a PostgreSQL address"),
        ({"DATABASE_URL": "postgresql://a@127.0.0.1:9/c"}, "Connection refused"),
        (
            {"DATABASE_URL": "postgresql://a@b/c", "CLIENTFLOW_DIRECT_DATABASE_URL": "hush"},
            "CLIENTFLOW_DIRECT_DATABASE_URL is not",
        ),
    ],
)
async def test_unusable_address_is_told(values: dict[str, str], told: str) -> None:
    with pytest.raises(DatabaseUnfit, match=told) as caught:
        await assemble(values).__aenter__()
    assert "hush" not in str(caught.value)


async def test_role_that_is_too_mighty_is_refused(addresses: Addresses) -> None:
    owner = addresses.owner.set(drivername="postgresql").render_as_string(hide_password=False)
    with pytest.raises(DatabaseUnfit, match="owns the tables"):
        await assemble({"DATABASE_URL": owner}).__aenter__()


async def test_database_must_be_set_to_be_opened() -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL: is not set"):
        await open_database(HostSettings()).__aenter__()


async def test_schema_of_this_release_is_enough(database: Database) -> None:
    await require_schema(database)


async def test_schema_that_is_missing_or_old_is_told(addresses: Addresses) -> None:
    async def problem() -> str:
        settings = load_host_settings({"DATABASE_URL": addresses.url})
        async with open_database(settings) as database:
            with pytest.raises(DatabaseUnfit) as caught:
                await require_schema(database)
        return str(caught.value)

    def run(statement: Any) -> None:
        with addresses.connect() as connection:
            connection.execute(statement)

    run("UPDATE alembic_version SET version_num = '0000'")
    wanted = f"is at 0000, this release needs {expected_revision()}: run clientflow migrate"
    assert wanted in await problem()
    run("DELETE FROM alembic_version")
    assert "is at nothing" in await problem()
    run("DROP TABLE alembic_version")
    assert "is missing: run clientflow migrate, with CLIENTFLOW_OWNER" in await problem()


async def test_database_that_does_not_answer_is_told(addresses: Addresses) -> None:
    nowhere = Database(addresses.application.set(host="127.0.0.1", port=9, query={}))
    with pytest.raises(DatabaseUnfit, match="the database in DATABASE_URL does not answer"):
        await require_schema(nowhere)
    await nowhere.close()
