"""Whom SendGrid does not deliver to any more.

https://www.twilio.com/docs/sendgrid/for-developers/sending-email/suppressions. It takes e-mail to
such an address, and drops it: the event says so.
"""

from typing import Any, Final
from urllib.parse import quote

from clientflow_core.errors import ProviderUnavailable
from clientflow_plugins.sendgrid.api import SendgridApi
from clientflow_plugins.sendgrid.errors import map_error

_LISTS: Final = {
    "bounced": "/v3/suppression/bounces/",
    "reported as spam": "/v3/suppression/spam_reports/",
    "unsubscribed": "/v3/asm/suppressions/global/",
}


async def find_suppression(api: SendgridApi, address: str) -> str | None:
    """Tell why SendGrid does not deliver to *address*: bounced, reported as spam, unsubscribed.

    Returns:
        None if nothing speaks against it.

    Raises:
        AuthFailed: the key may not read the lists.
        ProviderUnavailable: SendGrid did not answer.
    """
    for reason, path in _LISTS.items():
        try:
            found = await api.get(path + quote(address, safe=""))
        except Exception as error:
            raise map_error(error, is_send=False) from error
        if _is_listed(found, address):
            return reason
    return None


def _is_listed(found: Any, address: str) -> bool:
    # Of global unsubscribes: an address that is none is an empty object.
    entries = [found] if isinstance(found, dict) else found
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        msg = "SendGrid's answer is no list of suppressed addresses"
        raise ProviderUnavailable(msg)
    wanted = address.lower()
    listed = (one.get("email") or one.get("recipient_email") for one in entries)
    return any(isinstance(one, str) and one.lower() == wanted for one in listed)
