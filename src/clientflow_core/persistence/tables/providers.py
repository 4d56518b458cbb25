"""What organizations have set for their providers, and what these keep."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB

from clientflow_core.persistence.tables.columns import metadata, moment, of_organization, text, uuid

provider_settings = sa.Table(
    "provider_settings",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("provider", sa.Text, primary_key=True),
    uuid("version"),
    sa.Column("sealed", BYTEA, nullable=False),
    text("account", nullable=True),
    moment("updated_at", has_default=True),
    *of_organization(),
)
sa.Index(None, provider_settings.c.provider, provider_settings.c.account)

records = sa.Table(
    "records",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("collection", sa.Text, primary_key=True),
    sa.Column("key", sa.Text(collation="C"), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("value", JSONB, nullable=False),
    moment("updated_at", has_default=True),
    *of_organization(),
)
