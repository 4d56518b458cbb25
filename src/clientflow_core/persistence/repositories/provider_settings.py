"""What organizations have set for providers, as it is kept: sealed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clientflow_core.domain.provider_settings import SealedSettings
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import provider_settings

_COLUMNS: Final = [
    provider_settings.c[name]
    for name in ("organization_id", "provider", "version", "sealed", "account")
]
_FIND: Final = sa.text("SELECT * FROM find_provider_settings(:provider, :account, :most)")


async def read_provider_settings(transaction: Transaction, provider: str) -> SealedSettings | None:
    """Read what the organization has set for *provider*; None if nothing."""
    statement = sa.select(*_COLUMNS).where(provider_settings.c.provider == provider)
    row = (await transaction.execute(statement)).mappings().one_or_none()
    return None if row is None else SealedSettings(**row)


async def list_provider_settings(transaction: Transaction) -> Sequence[SealedSettings]:
    """List what the organization has set, by the name of the provider."""
    statement = sa.select(*_COLUMNS).order_by(provider_settings.c.provider)
    return [SealedSettings(**row) for row in (await transaction.execute(statement)).mappings()]


async def put_provider_settings(transaction: Transaction, settings: SealedSettings) -> None:
    """Write *settings* in place of those that the organization had for the provider."""
    changed: Mapping[str, Any] = {
        "version": settings.version,
        "sealed": settings.sealed,
        "account": settings.account,
        "updated_at": sa.func.now(),
    }
    key = {"organization_id": settings.organization_id, "provider": settings.provider}
    statement = insert(provider_settings).values(**key, **changed)
    await transaction.execute(
        statement.on_conflict_do_update(index_elements=list(key), set_=changed)
    )


async def delete_provider_settings(transaction: Transaction, provider: str) -> bool:
    """Take away what the organization has set for *provider*; False if it has set nothing."""
    table = provider_settings
    statement = table.delete().where(table.c.provider == provider).returning(table.c.provider)
    return (await transaction.execute(statement)).first() is not None


async def find_provider_settings(
    transaction: Transaction, provider: str, *, account: str, most: int
) -> Sequence[SealedSettings]:
    """Find what organizations, at most *most* of them, have set for an *account* at *provider*.

    Of all organizations: nothing of it may be shown to anybody before it has verified something.
    """
    parameters = {"provider": provider, "account": account, "most": most}
    rows: Sequence[sa.RowMapping] = (await transaction.execute(_FIND, parameters)).mappings().all()
    return [SealedSettings(provider=provider, account=account, **row) for row in rows]
