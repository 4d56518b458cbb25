"""Whether the service is set up: numbers about all organizations."""

from typing import Final

import attrs
import sqlalchemy as sa

from clientflow_core.persistence.database import Transaction

_COUNT: Final = sa.text("SELECT * FROM count_set_up()")


@attrs.frozen(kw_only=True)
class SetUp:
    """How many organizations there are, and how many lack something.

    Attributes:
        organizations: all of them.
        without_owner: nobody owns them.
        without_subscription: they live by none.
    """

    organizations: int
    without_owner: int
    without_subscription: int


async def count_set_up(transaction: Transaction) -> SetUp:
    """Count them; in the system scope."""
    row = (await transaction.execute(_COUNT)).mappings().one()
    return SetUp(**row)
