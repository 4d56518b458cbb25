"""Conversations as texts would make them, but many in one statement."""

import uuid
from collections.abc import Sequence

from tests.host.conftest import Host, Organization


def add_conversations(host: Host, organization: Organization, total: int) -> Sequence[str]:
    """Make conversations; every seventh has its last message at the same moment."""
    return [
        f"cnv_{made.hex}"
        for (made,) in host.rows(
            """
            WITH client AS (
                SELECT n, gen_random_uuid() AS contact_id, gen_random_uuid() AS point_id,
                    '+1415556' || lpad(n::text, 4, '0') AS phone
                FROM generate_series(1, %(total)s) AS n
            ), contact AS (
                INSERT INTO contacts (organization_id, id)
                SELECT %(organization_id)s, contact_id FROM client
            ), point AS (
                INSERT INTO contact_points (organization_id, id, contact_id, kind, value)
                SELECT %(organization_id)s, point_id, contact_id, 'phone', phone FROM client
            )
            INSERT INTO conversations
                (organization_id, id, contact_id, channel_id, contact_point_id, last_message_at)
            SELECT %(organization_id)s, gen_random_uuid(), contact_id, channels.id, point_id,
                timestamptz '2026-01-01' + make_interval(secs => n %% 7)
            FROM client JOIN channels ON channels.organization_id = %(organization_id)s
            RETURNING id
            """,
            organization_id=organization.id,
            total=total,
        )
    ]


def add_messages(host: Host, conversation_id: str, total: int, *, first: str = "00000000") -> None:
    """Put messages into a conversation; their ids begin with *first*."""
    host.rows(
        """
        INSERT INTO messages
            (organization_id, id, conversation_id, channel_id, direction, body, status)
        SELECT organization_id, overlay(gen_random_uuid()::text placing %(first)s from 1)::uuid,
            id, channel_id, 'in', n, 'received'
        FROM conversations, generate_series(1, %(total)s) n WHERE id = %(id)s
        """,
        id=to_uuid(conversation_id),
        first=first,
        total=total,
    )


def add_attachment(host: Host, message_id: uuid.UUID) -> str:
    """Make a message an e-mail that has a file; give the file."""
    host.rows(
        "UPDATE messages SET subject = 'Hours', reference_ids = '{}', quoted = '',"
        " is_automatic = false WHERE id = %s",
        message_id,
    )
    [(made,)] = host.rows(
        "INSERT INTO attachments (organization_id, id, message_id, position, name, content_type,"
        " size_bytes, content) SELECT organization_id, gen_random_uuid(), id, 0, 'a', 'text/plain',"
        " 1, 'x' FROM messages WHERE id = %s RETURNING id",
        message_id,
    )
    return f"att_{made.hex}"


def add_draft(host: Host, message_id: uuid.UUID) -> str:
    """Let an assistant have failed to answer a message; give the draft."""
    [(made,)] = host.rows(
        "INSERT INTO assistant_drafts (organization_id, id, conversation_id,"
        " based_on_message_id, provider, prompt_version, state)"
        " SELECT organization_id, gen_random_uuid(), conversation_id, id, 'local_assistant',"
        " '1', 'failed' FROM messages WHERE id = %s RETURNING id",
        message_id,
    )
    return f"drf_{made.hex}"


def to_uuid(public_id: str) -> uuid.UUID:
    """Read a public id."""
    return uuid.UUID(hex=public_id.partition("_")[2])
