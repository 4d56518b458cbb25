"""Let others read a calendar, at an address that is known to them alone."""

import hashlib
import secrets
import uuid
from typing import Final

from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.calendar_feeds import put_feed
from clientflow_core.persistence.repositories.calendars import read_calendar
from clientflow_core.secret import Secret

_TOKEN_BYTES: Final = 32


async def share_calendar(
    transaction: Transaction, calendar_id: uuid.UUID, *, shows_details: bool
) -> Secret:
    """Let a calendar be read at a new address; at the one before it cannot be any more.

    Args:
        transaction: of the organization.
        calendar_id: which calendar.
        shows_details: False tells when time is taken, and nothing else.

    Returns:
        What is secret in the address; only its hash is kept.

    Raises:
        NotFound: the organization follows no such calendar.
    """
    await read_calendar(transaction, calendar_id)
    token = Secret(secrets.token_urlsafe(_TOKEN_BYTES))
    await put_feed(
        transaction, calendar_id, token_hash=hash_feed_token(token), shows_details=shows_details
    )
    return token


def hash_feed_token(token: Secret) -> bytes:
    """Give what is kept of an address. It is random enough that a plain hash hides it."""
    return hashlib.sha256(token.reveal().encode("utf-8", "surrogatepass")).digest()
