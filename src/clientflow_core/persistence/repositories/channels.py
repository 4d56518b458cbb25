"""The channels of an organization, and which of them stand in for others."""

import uuid
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clientflow_core.domain.routing import Channel, FailoverRule, Medium
from clientflow_core.errors import NotFound
from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import channels, failover_rules

CHANNEL_COLUMNS: Final = [
    channels.c[name] for name in ("id", "provider", "address", "medium", "name")
]


async def list_channels(
    transaction: Transaction, *, medium: Medium | None = None
) -> Sequence[Channel]:
    """List the organization's channels, the oldest first.

    Args:
        transaction: of the organization.
        medium: only those of it.
    """
    statement = sa.select(*CHANNEL_COLUMNS).order_by(channels.c.created_at, channels.c.id)
    if medium is not None:
        statement = statement.where(channels.c.medium == medium.value)
    return [to_channel(row) for row in (await transaction.execute(statement)).mappings()]


async def read_channel(transaction: Transaction, channel_id: uuid.UUID) -> Channel:
    """Read one channel.

    Raises:
        NotFound: this organization has none with this id.
    """
    statement = sa.select(*CHANNEL_COLUMNS).where(channels.c.id == channel_id)
    row = (await transaction.execute(statement)).mappings().one_or_none()
    if row is None:
        msg = f"there is no channel {to_public_id(IdPrefix.CHANNEL, channel_id)}"
        raise NotFound(msg)
    return to_channel(row)


def to_channel(row: sa.RowMapping) -> Channel:
    """Make a channel of what was read of its row."""
    return Channel(
        id=row["id"],
        provider=row["provider"],
        address=row["address"],
        medium=Medium(row["medium"]),
        name=row["name"],
    )


async def list_failover_rules(
    transaction: Transaction, *, medium: Medium | None = None
) -> Sequence[FailoverRule]:
    """List the organization's rules, by medium and country."""
    table = failover_rules.c
    statement = sa.select(table.medium, table.country, table.channel_ids)
    if medium is not None:
        statement = statement.where(table.medium == medium.value)
    rows = await transaction.execute(statement.order_by(table.medium, table.country))
    return [
        FailoverRule(
            medium=Medium(row.medium), country=row.country, channel_ids=tuple(row.channel_ids)
        )
        for row in rows
    ]


async def put_failover_rule(transaction: Transaction, rule: FailoverRule) -> None:
    """Write a rule, in place of the one for the same medium and country."""
    values = {
        "organization_id": transaction.scope,
        "medium": rule.medium.value,
        "country": rule.country,
        "channel_ids": list(rule.channel_ids),
    }
    key = ["organization_id", "medium", "country"]
    statement = insert(failover_rules).values(values)
    await transaction.execute(
        statement.on_conflict_do_update(
            index_elements=key, set_={"channel_ids": statement.excluded.channel_ids}
        )
    )


async def delete_failover_rule(transaction: Transaction, *, medium: Medium, country: str) -> bool:
    """Take a rule away; False if there was none."""
    table = failover_rules
    statement = (
        table.delete()
        .where(table.c.medium == medium.value, table.c.country == country)
        .returning(table.c.country)
    )
    return (await transaction.execute(statement)).first() is not None
