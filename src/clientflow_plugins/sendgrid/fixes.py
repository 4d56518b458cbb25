"""What the checklist can set at SendGrid: where the two webhooks are posted.

https://www.twilio.com/docs/sendgrid/api-reference/webhooks/update-an-event-webhook and
https://www.twilio.com/docs/sendgrid/api-reference/settings-inbound-parse/update-a-parse-setting.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from clientflow_core.contributions.checks import CheckContext
from clientflow_core.errors import ProviderRefused
from clientflow_plugins.sendgrid.account import change, read_list
from clientflow_plugins.sendgrid.settings import EVENTS_PATH, INBOUND_PATH, SendgridSettings

# Without these nobody here learns what has become of an e-mail.
WANTED_EVENTS: Final = ("processed", "delivered", "deferred", "bounce", "dropped")
_KINDS: Final = (
    "bounce", "click", "deferred", "delivered", "dropped", "group_resubscribe", "group_unsubscribe",
    "open", "processed", "spam_report", "unsubscribe",
)  # fmt: skip
_PARSE: Final = ("hostname", "spam_check", "send_raw", "security_policy")


async def fix_events(context: CheckContext) -> str:
    """Let the event webhook that signs with our key be posted to us, and tell what we need."""
    key, wanted = context.settings(SendgridSettings).public_key, context.public_url + EVENTS_PATH
    found = await read_list(context, "/v3/user/webhooks/event/settings/all", "webhooks")
    ours = next((one for one in found if key and one.get("public_key") == key), None)
    if ours is None:
        msg = "no event webhook signs by SENDGRID_PUBLIC_KEY, so none is ours to change; see EG3"
        raise ProviderRefused(msg)
    if ours.get("oauth_client_id"):
        msg = "the event webhook has an OAuth secret, which cannot be read to be kept: see the hint"
        raise ProviderRefused(msg)
    # What is left out would be switched off.
    kept = _kept(ours, (*_KINDS, "friendly_name"))
    url = _moved(ours.get("url"), wanted, EVENTS_PATH)
    body = kept | {"enabled": True, "url": url, **dict.fromkeys(WANTED_EVENTS, True)}
    await change(context, f"/v3/user/webhooks/event/settings/{ours['id']}", body)
    return f"Events are posted to {wanted}."


async def fix_inbound(context: CheckContext) -> str:
    """Let e-mail to the host of our address be posted to us, with the token if one is set."""
    settings, wanted = context.settings(SendgridSettings), context.public_url + INBOUND_PATH
    hostname = settings.own_address.rpartition("@")[2]
    found = await read_list(context, "/v3/user/webhooks/parse/settings", "result")
    ours = next((one for one in found if one.get("hostname") == hostname), None)
    if ours is None:
        msg = f"Inbound Parse does not know {hostname}: which host it is, is for you to say"
        raise ProviderRefused(msg)
    proof = {"token": settings.inbound_token.reveal()} if settings.inbound_token else {}
    body = _kept(ours, _PARSE) | {"url": _moved(ours.get("url"), wanted, INBOUND_PATH, **proof)}
    await change(context, f"/v3/user/webhooks/parse/settings/{hostname}", body)
    return f"E-mail to {hostname} is posted to {wanted}."


def _moved(old: object, wanted: str, path: str, **proof: str) -> str:
    """Give *wanted*, with the query of the *old* address if that was one of ours, too."""
    before, _, query = str(old).partition("?")
    pairs = (dict(parse_qsl(query)) if before.endswith(path) else {}) | proof
    return f"{wanted}?{urlencode(pairs)}" if pairs else wanted


def _kept(fields: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: fields[name] for name in names if fields.get(name) is not None}
