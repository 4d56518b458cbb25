"""The work to do, and who does it."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from clientflow_core.persistence.tables.columns import metadata, moment, text, uuid

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    text("lane"),
    text("kind"),
    uuid("organization_id", nullable=True),
    sa.Column("args", JSONB, nullable=False),
    moment("run_at", has_default=True),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("max_attempts", sa.Integer, nullable=False, server_default="14"),
    sa.Column("claimed_by", sa.Integer),
    text("last_error", nullable=True),
    moment("dead_at", nullable=True),
    moment("created_at", has_default=True),
    text("request_id", nullable=True),
    moment("discarded_at", nullable=True),
    text("discarded_by", nullable=True),
    text("discard_reason", nullable=True),
    postgresql_with={
        "fillfactor": "70",
        "autovacuum_vacuum_scale_factor": "0.02",
        "autovacuum_vacuum_threshold": "500",
    },
)
sa.Index(
    "jobs_due_idx",
    jobs.c.lane,
    jobs.c.run_at,
    jobs.c.id,
    postgresql_where=jobs.c.dead_at.is_(None),
)
sa.Index(
    "jobs_dead_idx",
    jobs.c.lane,
    jobs.c.dead_at,
    postgresql_where=jobs.c.dead_at.is_not(None),
)
sa.Index(
    "jobs_turn_idx",
    jobs.c.lane,
    jobs.c.organization_id,
    jobs.c.run_at,
    jobs.c.id,
    postgresql_where=jobs.c.dead_at.is_(None) & jobs.c.organization_id.is_not(None),
)
sa.Index("jobs_claimed_idx", jobs.c.claimed_by, postgresql_where=jobs.c.claimed_by.is_not(None))

scheduled_slots = sa.Table(
    "scheduled_slots",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("slot", TIMESTAMP(timezone=True), primary_key=True),
    moment("created_at", has_default=True),
)

heartbeats = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("process", sa.Text, primary_key=True),
    text("kind"),
    text("release"),
    moment("started_at", has_default=True),
    moment("seen_at", has_default=True),
    sa.Column("details", JSONB, nullable=False, server_default="{}"),
)

catch_ups = sa.Table(
    "catch_ups",
    metadata,
    sa.Column("provider", sa.Text, primary_key=True),
    moment("caught_up_at"),
)
