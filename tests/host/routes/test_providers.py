"""What an organization sets for itself at a provider, by the API, and what is done with it."""

from typing import Any, Final

import pytest

from clientflow_core.persistence.sealing import Sealer
from clientflow_core.registry.lifecycle import ProviderState
from clientflow_core.secret import Secret
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.host.conftest import ENCRYPTION_KEY, Answer, Host, Organization
from tests.texts import ACCOUNT, NUMBER, OTHER_NUMBER, TOKEN

OTHER_ACCOUNT: Final = "AC" + "2" * 32
SECRET: Final = "a token that nobody shall see"
OWN: Final = {
    "TWILIO_ACCOUNT_SID": OTHER_ACCOUNT,
    "TWILIO_AUTH_TOKEN": SECRET,
    "TWILIO_PHONE_NUMBER": OTHER_NUMBER,
}


async def put(host: Host, values: Any, *, by: Organization | None = None) -> Answer:
    path = "/api/v1/providers/twilio/settings"
    return await host.call("PUT", path, by=by, json={"values": values})


async def twilio(host: Host, *, by: Organization | None = None) -> Any:
    (found,) = (await host.get("/providers", by=by))["data"]
    return found


async def verdict(host: Host, *, by: Organization | None = None) -> Any:
    return (await host.post("/providers/twilio/verify", None, by=by)).body


async def test_providers_show_what_may_be_set_and_no_value_of_the_operator(host: Host) -> None:
    found = await twilio(host)
    settings = {one["name"]: one for one in found.pop("settings")}
    assert found == {
        "name": "twilio",
        "kind": "channel",
        "title": "Twilio SMS",
        "state": "not opened",
        "has_own_settings": False,
        "problem": None,
    }
    assert set(settings) == {*OWN, "TWILIO_MESSAGING_SERVICE_SID", "TWILIO_WEBHOOK_SHARED_KEY"}
    token = settings["TWILIO_AUTH_TOKEN"]
    assert token["is_secret"]
    assert token["is_required"]
    assert token["console_url"] == "https://console.twilio.com"
    assert not any(one["is_set_here"] or one["value"] for one in settings.values())
    assert TOKEN not in str(settings)


async def test_what_is_set_is_kept_sealed_and_a_secret_is_never_shown(host: Host) -> None:
    answer = await put(host, OWN)
    assert answer.status == 200
    assert answer.body == await twilio(host)
    shown = {one["name"]: one["value"] for one in answer.body["settings"] if one["is_set_here"]}
    assert shown == {**OWN, "TWILIO_AUTH_TOKEN": None}
    [(account, sealed)] = host.rows("SELECT account, sealed FROM provider_settings")
    assert account == OTHER_ACCOUNT
    assert SECRET.encode() not in sealed
    assert OTHER_NUMBER.encode() not in sealed
    kept = host.assembly.sealer.open(sealed, organization_id=host.ours.id, provider="twilio")
    assert kept == OWN


async def test_another_organization_sees_nothing_of_it(host: Host) -> None:
    theirs = host.add_organization()
    await put(host, OWN)
    found = await twilio(host, by=theirs)
    assert not found["has_own_settings"]
    assert OTHER_ACCOUNT not in str(found)


async def test_every_problem_is_told_by_name_and_no_value(host: Host) -> None:
    values = {
        "TWILIO_ACCOUNT_SID": "not-a-sid",
        "TWILIO_API_BASE_URL": "http://169.254.169.254",
        "DATABASE_URL": "postgresql://x",
    }
    answer = await put(host, values)
    assert (answer.status, answer.code) == (422, "invalid_input")
    assert sorted(answer.pointers) == [
        "/values/DATABASE_URL",
        "/values/TWILIO_ACCOUNT_SID",
        "/values/TWILIO_API_BASE_URL",
        "/values/TWILIO_AUTH_TOKEN",
    ]
    assert not any(value in str(answer.body) for value in values.values())
    assert host.count("provider_settings") == 0


async def test_rules_between_settings_are_told_too(host: Host) -> None:
    answer = await put(host, {**OWN, "TWILIO_PHONE_NUMBER": ""})
    assert answer.pointers == ["/values/TWILIO_PHONE_NUMBER"]


async def test_settings_take_effect_at_once_and_so_does_their_end(
    host: Host, sandbox: TwilioSandbox
) -> None:
    theirs = host.add_organization()
    assert (await verdict(host))["problem"] is None
    await put(host, OWN)
    assert (await verdict(host))["problem"] == "the provider does not accept the credentials"
    assert (await twilio(host))["state"] == ProviderState.AUTH_FAILED.value
    # Neither the operator's instance nor that of others has anything to do with it.
    assert (await verdict(host, by=theirs))["problem"] is None
    mended = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
    await put(host, {**mended, "TWILIO_PHONE_NUMBER": NUMBER})
    assert (await verdict(host))["problem"] is None
    await put(host, OWN)
    assert (await verdict(host))["account"] is None
    assert (await host.call("DELETE", "/api/v1/providers/twilio/settings")).status == 204
    assert (await verdict(host))["account"] is not None
    assert host.count("provider_settings") == 0


async def test_a_row_copied_to_another_organization_is_not_used(host: Host) -> None:
    theirs = host.add_organization()
    await put(host, OWN)
    host.rows("UPDATE provider_settings SET organization_id = %s RETURNING 1", theirs.id)
    found = await twilio(host, by=theirs)
    assert "sealed for another organization" in found["problem"]
    assert not any(one["is_set_here"] for one in found["settings"])
    assert "sealed for another organization" in (await verdict(host, by=theirs))["problem"]


async def test_a_lost_key_is_told_and_new_settings_can_be_set(host: Host) -> None:
    sealed = Sealer.with_new_key().seal(OWN, organization_id=host.ours.id, provider="twilio")
    host.rows(
        "INSERT INTO provider_settings (organization_id, provider, version, sealed)"
        " VALUES (%s, 'twilio', gen_random_uuid(), %s) RETURNING 1",
        host.ours.id,
        sealed,
    )
    assert "CLIENTFLOW_ENCRYPTION_KEY" in (await twilio(host))["problem"]
    assert "CLIENTFLOW_ENCRYPTION_KEY" in (await verdict(host))["problem"]
    assert (await put(host, OWN)).body["problem"] is None


@pytest.mark.parametrize("values", [{"CLIENTFLOW_ENCRYPTION_KEY": ""}], indirect=True)
async def test_without_a_key_nothing_can_be_set_and_all_else_works(host: Host) -> None:
    answer = await put(host, OWN)
    assert (answer.status, answer.code) == (409, "conflict")
    assert "CLIENTFLOW_ENCRYPTION_KEY" in answer.body["detail"]
    assert not (await twilio(host))["has_own_settings"]


NEW_KEY: Final = "bmV3IGtleSwgbm8gc2VjcmV0LCBzb21lIGxlbmd0aCE="


@pytest.mark.parametrize(
    "values", [{"CLIENTFLOW_ENCRYPTION_KEY": f"{NEW_KEY},{ENCRYPTION_KEY}"}], indirect=True
)
async def test_what_was_sealed_with_the_old_key_opens_beside_a_new_one(host: Host) -> None:
    await put(host, OWN)
    old = Sealer(Secret(ENCRYPTION_KEY))
    sealed = old.seal(OWN, organization_id=host.ours.id, provider="twilio")
    host.rows("UPDATE provider_settings SET sealed = %s RETURNING 1", sealed)
    found = await twilio(host)
    assert (found["problem"], found["has_own_settings"]) == (None, True)


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "fax/settings"), ("DELETE", "fax/settings"), ("POST", "fax/verify")],
)
async def test_a_provider_that_is_not_enabled_is_not_found(
    host: Host, method: str, path: str
) -> None:
    more: dict[str, Any] = {"json": {"values": {}}} if method == "PUT" else {}
    answer = await host.call(method, f"/api/v1/providers/{path}", **more)
    assert (answer.status, answer.code) == (404, "not_found")
