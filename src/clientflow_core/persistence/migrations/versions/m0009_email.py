"""What an e-mail has beside its text, and how e-mails follow each other."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_IN_SCOPE = "(SELECT nullif(current_setting('app.organization_id', true), '')::uuid)"
_UP = """
-- Of an e-mail the Message-ID of the one that began the thread; of texts, which have none, empty.
ALTER TABLE conversations ADD COLUMN thread text NOT NULL DEFAULT '';
-- Not null of e-mails alone.
ALTER TABLE conversations ADD COLUMN subject text;
ALTER TABLE conversations
    DROP CONSTRAINT conversations_organization_id_channel_id_contact_point_id_key;
ALTER TABLE conversations
    ADD CONSTRAINT conversations_thread_key
    UNIQUE (organization_id, channel_id, contact_point_id, thread);

-- Each null of a text. The subject is not null of every e-mail.
ALTER TABLE messages ADD COLUMN subject text;
ALTER TABLE messages ADD COLUMN rfc822_message_id text;
ALTER TABLE messages ADD COLUMN in_reply_to text;
ALTER TABLE messages ADD COLUMN reference_ids text[];
ALTER TABLE messages ADD COLUMN sender text;
ALTER TABLE messages ADD COLUMN html text;
ALTER TABLE messages ADD COLUMN quoted text;
ALTER TABLE messages ADD COLUMN is_automatic boolean;
CREATE INDEX messages_organization_id_rfc822_message_id_idx
    ON messages (organization_id, rfc822_message_id) WHERE rfc822_message_id IS NOT NULL;

CREATE TABLE attachments (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    message_id uuid NOT NULL,
    position integer NOT NULL,
    name text NOT NULL,
    content_type text NOT NULL,
    size_bytes integer NOT NULL,
    -- Null of one that was too large to be kept.
    content bytea,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, message_id) REFERENCES messages (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX attachments_organization_id_message_id_position_idx
    ON attachments (organization_id, message_id, position);
-- Pictures and documents are compressed already.
ALTER TABLE attachments ALTER COLUMN content SET STORAGE EXTERNAL;
"""

_DOWN = """
-- One conversation for each channel and address again, which all that was said goes to.
SET CONSTRAINTS ALL IMMEDIATE;
CREATE TEMPORARY TABLE merged ON COMMIT DROP AS
    SELECT id, first_value(id) OVER (
        PARTITION BY organization_id, channel_id, contact_point_id ORDER BY created_at, id
    ) AS kept
    FROM conversations;
DELETE FROM merged WHERE id = kept;
UPDATE messages SET conversation_id = kept FROM merged WHERE conversation_id = merged.id;
UPDATE assistant_drafts SET conversation_id = kept FROM merged WHERE conversation_id = merged.id;
DELETE FROM conversations USING merged WHERE conversations.id = merged.id;

DROP TABLE attachments;
DROP INDEX messages_organization_id_rfc822_message_id_idx;
ALTER TABLE messages DROP COLUMN subject, DROP COLUMN rfc822_message_id, DROP COLUMN in_reply_to,
    DROP COLUMN reference_ids, DROP COLUMN sender, DROP COLUMN html, DROP COLUMN quoted,
    DROP COLUMN is_automatic;
ALTER TABLE conversations
    DROP CONSTRAINT conversations_thread_key;
ALTER TABLE conversations
    ADD CONSTRAINT conversations_organization_id_channel_id_contact_point_id_key
    UNIQUE (organization_id, channel_id, contact_point_id);
ALTER TABLE conversations DROP COLUMN thread, DROP COLUMN subject;
"""


def upgrade() -> None:
    op.execute(_UP)
    rule = f"organization_id = {_IN_SCOPE}"
    op.execute("ALTER TABLE attachments ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE attachments FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY attachments_scope ON attachments USING ({rule}) WITH CHECK ({rule})")
    op.execute("CREATE POLICY attachments_owner ON attachments TO CURRENT_USER USING (true)")


def downgrade() -> None:
    op.execute(_DOWN)
