"""The answers that were given under an Idempotency-Key."""

from typing import Final

import attrs
import sqlalchemy as sa

from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import idempotency_keys

_TRY_LOCK: Final = sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")


@attrs.frozen(kw_only=True)
class KeptReply:
    """An answer as it was given, and the hash of the request that it answered."""

    request_hash: bytes
    status: int
    body: bytes


async def try_lock_key(transaction: Transaction, *, route: str, key: str) -> bool:
    """Hold the key until the transaction ends; False if another request holds it now."""
    name = f"{transaction.scope}\n{route}\n{key}"
    return bool((await transaction.execute(_TRY_LOCK, {"name": name})).scalar_one())


async def read_reply(transaction: Transaction, *, route: str, key: str) -> KeptReply | None:
    """Read the answer that was given under *key*; None if it is new."""
    columns = idempotency_keys.c
    statement = sa.select(columns.request_hash, columns.status, columns.body).where(
        columns.route == route, columns.key == key
    )
    row = (await transaction.execute(statement)).one_or_none()
    if row is None:
        return None
    return KeptReply(request_hash=bytes(row.request_hash), status=row.status, body=bytes(row.body))


async def keep_reply(transaction: Transaction, *, route: str, key: str, reply: KeptReply) -> None:
    """Keep the answer given under *key*, in the transaction of what it answers for."""
    values = {
        "organization_id": transaction.scope,
        "route": route,
        "key": key,
        **attrs.asdict(reply),
    }
    await transaction.execute(idempotency_keys.insert().values(values))
