"""Way in, first half: what is kept before the provider is told so."""

import pytest

from clientflow_core import failpoints
from clientflow_core.errors import BadPayload, SignatureRefused
from clientflow_core.failpoints import FailpointHit
from tests.core.services.conftest import Stage
from tests.texts import ACCOUNT, form, new_sid, report, signed_headers, text


async def post(stage: Stage, fields: dict[str, str], *, name: str = "twilio") -> None:
    """Take a signed webhook in."""
    url = f"{stage.public_url}/webhooks/{name}"
    await stage.receive(url, form(fields), signed_headers(url, fields))


async def test_request_is_kept_byte_for_byte_with_its_job(stage: Stage) -> None:
    fields = text("Grüße 👍")
    await post(stage, fields)
    [row] = stage.rows(
        "SELECT id, provider, webhook, account, external_id, method, url, body, state,"
        " organization_id FROM inbound_events"
    )
    assert row[1:5] == ("twilio", "twilio", ACCOUNT, fields["MessageSid"])
    assert row[5:7] == ("POST", f"{stage.public_url}/webhooks/twilio")
    assert (bytes(row[7]), row[8], row[9]) == (form(fields), "received", None)
    assert stage.rows("SELECT lane, kind, args, organization_id FROM jobs") == [
        (
            "inbound",
            "handle_inbound_event",
            {"event_id": str(row[0])},
            stage.business.organization_id,
        )
    ]


async def test_repetition_is_acknowledged_and_changes_nothing(stage: Stage) -> None:
    fields = text()
    for _ in range(3):
        await post(stage, fields)
    assert (stage.count("inbound_events"), stage.count("jobs")) == (1, 1)


async def test_each_state_of_a_message_is_an_event_of_its_own(stage: Stage) -> None:
    sid = new_sid()
    for word in ("sent", "delivered", "sent"):
        await post(stage, report(sid, word), name="twilio-status")
    assert stage.count("inbound_events") == 2


async def test_request_that_is_not_proven_is_not_kept(stage: Stage) -> None:
    fields = text()
    url = f"{stage.public_url}/webhooks/twilio"
    headers = signed_headers(url, fields, token="2" * 32)
    with pytest.raises(SignatureRefused):
        await stage.receive(url, form(fields), headers)
    with pytest.raises(BadPayload):
        await stage.receive(url, b"\xff", headers)
    assert (stage.count("inbound_events"), stage.count("jobs")) == (0, 0)


@pytest.mark.parametrize(
    ("place", "kept"), [("receive_webhook.verified", 0), ("receive_webhook.stored", 1)]
)
async def test_request_that_was_cut_off_may_come_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, place: str, kept: int
) -> None:
    fields = text()
    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "_active", failpoints._read(f"{place}=raise"))
        with pytest.raises(FailpointHit):
            await post(stage, fields)
    assert stage.count("inbound_events") == kept
    await post(stage, fields)
    assert (stage.count("inbound_events"), stage.count("jobs")) == (1, 1)
