"""Something that counts once: whoever comes with it again is told so."""

from typing import Final

from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.idempotency_keys import (
    KeptReply,
    keep_reply,
    read_reply,
    try_lock_key,
)

_USED: Final = KeptReply(request_hash=b"", status=200, body=b"")


async def use_once(transaction: Transaction, key: str, *, purpose: str) -> bool:
    """Use *key* up for the organization; False if it is already, or is being used now.

    It is remembered as long as the answers under idempotency keys are, which is a day at least.

    Args:
        transaction: of the organization; the key is used with its commit.
        key: nobody can guess it.
        purpose: keeps keys for different things apart.
    """
    if not await try_lock_key(transaction, route=purpose, key=key):
        return False
    if await read_reply(transaction, route=purpose, key=key) is not None:
        return False
    await keep_reply(transaction, route=purpose, key=key, reply=_USED)
    return True
