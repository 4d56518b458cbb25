"""What all tables are made of: how they name their keys, and the columns that most of them have."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TIMESTAMP

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


def moment(name: str, *, nullable: bool = False, has_default: bool = False) -> sa.Column[object]:
    """Give a column of an aware moment; with *has_default* it is that of the transaction."""
    default = sa.text("now()") if has_default else None
    return sa.Column(name, TIMESTAMP(timezone=True), nullable=nullable, server_default=default)


def text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    """Give a column of text."""
    return sa.Column(name, sa.Text, nullable=nullable)


def uuid(name: str, *, nullable: bool = False) -> sa.Column[object]:
    """Give a column of a UUID."""
    return sa.Column(name, sa.Uuid, nullable=nullable)


def of_organization(*references: tuple[str, str]) -> list[sa.ForeignKeyConstraint]:
    """Give the key of an organization table, and its references to others of the same one."""
    foreign = [
        sa.ForeignKeyConstraint(
            ["organization_id", column],
            [f"{table}.organization_id", f"{table}.id"],
            deferrable=True,
            initially="DEFERRED",
        )
        for column, table in references
    ]
    return [sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"]), *foreign]
