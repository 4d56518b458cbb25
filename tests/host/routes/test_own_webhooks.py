"""Webhooks that an organization's own settings prove: they are its own, and nobody else's."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from clientflow_core.ids import new_id
from tests.host.conftest import Answer, Host, Organization
from tests.texts import ACCOUNT, NUMBER, OTHER_NUMBER, form, report, signed_headers, text

OUR_ACCOUNT: Final = "AC" + "a" * 32
THEIR_ACCOUNT: Final = "AC" + "b" * 32
OUR_TOKEN, THEIR_TOKEN = "our-token", "their-token"

pytestmark = pytest.mark.usefixtures("worker")


async def set_own(
    host: Host, organization: Organization, *, account: str, token: str, number: str
) -> None:
    values = {
        "TWILIO_ACCOUNT_SID": account,
        "TWILIO_AUTH_TOKEN": token,
        "TWILIO_PHONE_NUMBER": number,
    }
    path = "/api/v1/providers/twilio/settings"
    answer = await host.call("PUT", path, by=organization, json={"values": values})
    assert answer.status == 200


async def both(host: Host) -> Organization:
    """Give ours and another organization accounts of their own; give the other one."""
    theirs = host.add_organization()
    await set_own(host, host.ours, account=OUR_ACCOUNT, token=OUR_TOKEN, number=NUMBER)
    await set_own(host, theirs, account=THEIR_ACCOUNT, token=THEIR_TOKEN, number=OTHER_NUMBER)
    return theirs


async def post(
    host: Host, fields: Mapping[str, str], *, token: str, path: str = "/webhooks/twilio"
) -> Answer:
    headers = signed_headers(host.assembly.settings.url + path, fields, token=token)
    return await host.bare("POST", path, data=form(fields), headers=headers)


async def bodies(host: Host, organization: Organization) -> list[str]:
    await host.quiet()
    rows = host.rows(
        "SELECT body FROM messages WHERE organization_id = %s ORDER BY id", organization.id
    )
    return [body for (body,) in rows]


def events(host: Host) -> list[Any]:
    rows = host.rows("SELECT state, verified_for, organization_id FROM inbound_events ORDER BY id")
    return [tuple(row) for row in rows]


async def test_each_organizations_texts_arrive_by_its_own_account(host: Host) -> None:
    theirs = await both(host)
    ours_in = text("for us", AccountSid=OUR_ACCOUNT)
    theirs_in = text("for them", AccountSid=THEIR_ACCOUNT, To=OTHER_NUMBER)
    assert (await post(host, ours_in, token=OUR_TOKEN)).status == 200
    assert (await post(host, theirs_in, token=THEIR_TOKEN)).status == 200
    # Once more: it is the same.
    assert (await post(host, ours_in, token=OUR_TOKEN)).status == 200
    assert await bodies(host, host.ours) == ["for us"]
    assert await bodies(host, theirs) == ["for them"]
    assert events(host) == [
        ("done", host.ours.id, host.ours.id),
        ("done", theirs.id, theirs.id),
    ]


async def test_the_operators_account_goes_on_as_before(host: Host) -> None:
    await both(host)
    assert (await host.webhook(text("by the operator's"))).status == 200
    assert await bodies(host, host.ours) == ["by the operator's"]
    assert events(host) == [("done", None, host.ours.id)]


@pytest.mark.parametrize(
    ("account", "token"),
    [
        (OUR_ACCOUNT, THEIR_TOKEN),
        (THEIR_ACCOUNT, OUR_TOKEN),
        (ACCOUNT, OUR_TOKEN),
        ("AC" + "c" * 32, OUR_TOKEN),
    ],
)
async def test_a_token_proves_nothing_for_another_account(
    host: Host, account: str, token: str
) -> None:
    await both(host)
    answer = await post(host, text(AccountSid=account), token=token)
    assert (answer.status, answer.code) == (403, "signature_refused")
    assert events(host) == []


async def test_no_organization_puts_words_into_anothers_channel(host: Host) -> None:
    theirs = await both(host)
    forged = text("forged", AccountSid=THEIR_ACCOUNT, To=NUMBER)
    assert (await post(host, forged, token=THEIR_TOKEN)).status == 200
    assert await bodies(host, host.ours) == []
    assert await bodies(host, theirs) == []
    assert events(host) == [("ignored", theirs.id, None)]


async def test_nobody_takes_the_place_of_what_another_will_be_sent(host: Host) -> None:
    theirs = await both(host)
    # They claim our account, with a token of their own, and the id of a text that is still to come.
    await set_own(host, theirs, account=OUR_ACCOUNT, token=THEIR_TOKEN, number=OTHER_NUMBER)
    genuine = text("genuine", AccountSid=OUR_ACCOUNT)
    assert (await post(host, {**genuine, "Body": "forged"}, token=THEIR_TOKEN)).status == 200
    assert (await post(host, genuine, token=OUR_TOKEN)).status == 200
    assert await bodies(host, host.ours) == ["genuine"]
    assert sorted(events(host), key=str) == [
        ("done", host.ours.id, host.ours.id),
        ("ignored", theirs.id, None),
    ]


async def test_no_organization_reports_about_anothers_attempt(host: Host) -> None:
    theirs = await both(host)
    assert (await post(host, text(AccountSid=OUR_ACCOUNT), token=OUR_TOKEN)).status == 200
    await host.quiet()
    attempt_id = new_id()
    host.rows(
        "INSERT INTO message_attempts (organization_id, id, message_id, channel_id, number, state,"
        " started_at) SELECT organization_id, %s, id, channel_id, 1, 'sending', now()"
        " FROM messages RETURNING 1",
        attempt_id,
    )
    path = f"/webhooks/twilio-status?attempt={attempt_id}"
    fields = report("SM" + "9" * 32, "failed", AccountSid=THEIR_ACCOUNT, From="")
    assert (await post(host, fields, token=THEIR_TOKEN, path=path)).status == 200
    await host.quiet()
    assert events(host)[-1] == ("ignored", theirs.id, None)
    assert host.rows("SELECT provider_message_id FROM message_attempts") == [(None,)]


async def test_new_settings_prove_at_once_and_old_ones_no_more(host: Host) -> None:
    await both(host)
    await post(host, text(AccountSid=OUR_ACCOUNT), token=OUR_TOKEN)
    await set_own(host, host.ours, account=OUR_ACCOUNT, token="new-token", number=NUMBER)
    assert (await post(host, text(AccountSid=OUR_ACCOUNT), token=OUR_TOKEN)).status == 403
    assert (await post(host, text(AccountSid=OUR_ACCOUNT), token="new-token")).status == 200


async def test_settings_that_cannot_be_opened_prove_nothing_and_break_nothing(host: Host) -> None:
    await both(host)
    host.rows(
        "UPDATE provider_settings SET sealed = 'x' WHERE account = %s RETURNING 1", OUR_ACCOUNT
    )
    assert (await post(host, text(AccountSid=OUR_ACCOUNT), token=OUR_TOKEN)).status == 403
    theirs_in = text(AccountSid=THEIR_ACCOUNT, To=OTHER_NUMBER)
    assert (await post(host, theirs_in, token=THEIR_TOKEN)).status == 200
