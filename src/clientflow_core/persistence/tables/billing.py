"""What is sold, who has bought it, and what they have used."""

import sqlalchemy as sa

from clientflow_core.persistence.tables.columns import metadata, moment, of_organization, text

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    text("title"),
    sa.Column("price_minor", sa.BigInteger, nullable=False),
    text("currency"),
    text("billing_interval"),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("is_on_sale", sa.Boolean, nullable=False),
    moment("synced_at", has_default=True),
)

billing_customers = sa.Table(
    "billing_customers",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("provider", sa.Text, primary_key=True),
    text("provider_customer_id"),
    sa.Column("reads", sa.BigInteger, nullable=False, server_default="0"),
    moment("created_at", has_default=True),
    # Without the organization: an event names the customer alone.
    sa.UniqueConstraint("provider", "provider_customer_id"),
    *of_organization(),
)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    text("provider"),
    text("provider_subscription_id"),
    text("provider_customer_id"),
    text("plan_key", nullable=True),
    text("status"),
    moment("period_start"),
    moment("period_end"),
    sa.Column("is_ending", sa.Boolean, nullable=False),
    sa.Column("is_current", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("read_number", sa.BigInteger, nullable=False),
    moment("created_at", has_default=True),
    moment("updated_at", has_default=True),
    sa.UniqueConstraint(
        "organization_id",
        "provider",
        "provider_subscription_id",
        name="subscriptions_provider_subscription_key",
    ),
    *of_organization(),
)
sa.Index(
    "subscriptions_current_idx",
    subscriptions.c.organization_id,
    unique=True,
    postgresql_where=subscriptions.c.is_current,
)

usage_events = sa.Table(
    "usage_events",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    text("meter"),
    text("source_id"),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    moment("occurred_at", has_default=True),
    moment("reported_at", nullable=True),
    sa.UniqueConstraint("organization_id", "meter", "source_id"),
    *of_organization(),
)
sa.Index(None, usage_events.c.organization_id, usage_events.c.occurred_at)
