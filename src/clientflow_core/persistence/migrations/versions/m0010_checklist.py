"""What the production deployment checklist keeps, and what processes say of themselves."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_UP = """
-- What the last run of the checklist has found, for each release.
CREATE TABLE checklist_results (
    release text NOT NULL,
    item_id text NOT NULL,
    status text NOT NULL,
    found text NOT NULL,
    expected text NOT NULL,
    hint text NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (release, item_id)
);

-- Never changed but to revoke one: who said what, and when, is the proof.
CREATE TABLE checklist_sign_offs (
    id uuid PRIMARY KEY,
    item_id text NOT NULL,
    signed_by text NOT NULL,
    evidence text NOT NULL,
    is_not_applicable boolean NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT now(),
    -- Null of one that stays good.
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by text,
    revoked_because text,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX checklist_sign_offs_item_id_signed_at_idx
    ON checklist_sign_offs (item_id, signed_at);

-- What was done to the whole service at some time: smoke, backup, backup_verify, load, audit.
CREATE TABLE runs (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    release text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    is_good boolean NOT NULL,
    report jsonb NOT NULL
);
CREATE INDEX runs_kind_finished_at_idx ON runs (kind, finished_at);

-- What else the process says of itself: what it is set to, which lanes it works on.
ALTER TABLE heartbeats ADD COLUMN details jsonb NOT NULL DEFAULT '{}';
"""

_DOWN = """
ALTER TABLE heartbeats DROP COLUMN details;
DROP TABLE runs;
DROP TABLE checklist_sign_offs;
DROP TABLE checklist_results;
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute(_DOWN)
