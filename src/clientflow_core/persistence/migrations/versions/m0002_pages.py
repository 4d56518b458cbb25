"""What the pages need: sign-in, search, and live updates."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FUNCTIONS = (
    "find_login",
    "add_user_session",
    "find_user_session",
    "end_user_session",
    "search_contacts",
)

_UP = """
CREATE INDEX contacts_name_words_idx ON contacts
    USING gin (to_tsvector('simple', coalesce(name, '')));
-- Telephone numbers are looked for by how they begin or how they end.
CREATE INDEX contact_points_value_idx
    ON contact_points (organization_id, value text_pattern_ops);
CREATE INDEX contact_points_reverse_value_idx
    ON contact_points (organization_id, reverse(value) text_pattern_ops);

CREATE FUNCTION find_login(login_email text) RETURNS TABLE (user_id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT id, password_hash FROM users WHERE lower(email) = lower(login_email)
$$;

CREATE FUNCTION add_user_session(new_id uuid, of_user uuid, hash bytea, until timestamptz)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    INSERT INTO user_sessions (id, user_id, token_hash, expires_at)
    VALUES (new_id, of_user, hash, until)
$$;

-- Who is signed in, and the organization that they have been in for the longest time.
CREATE FUNCTION find_user_session(hash bytea)
RETURNS TABLE (user_id uuid, email text, organization_id uuid, organization_name text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT u.id, u.email, o.id, o.name, m.role
    FROM user_sessions s
    JOIN users u ON u.id = s.user_id
    JOIN memberships m ON m.user_id = u.id
    JOIN organizations o ON o.id = m.organization_id
    WHERE s.token_hash = hash AND s.expires_at > now()
    ORDER BY m.created_at, o.id LIMIT 1
$$;

CREATE FUNCTION end_user_session(hash bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    DELETE FROM user_sessions WHERE token_hash = hash OR expires_at < now()
$$;

-- Row-level security keeps the planner from using these indexes (the operators are not leakproof),
-- so the function sees every row, and filters by the organization of the transaction itself.
CREATE FUNCTION search_contacts(words text, digits text, most int) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH scope AS (
        SELECT nullif(current_setting('app.organization_id', true), '')::uuid AS organization_id
    ), found AS (
        SELECT c.id FROM contacts c, scope
        WHERE words <> '' AND c.organization_id = scope.organization_id
            AND to_tsvector('simple', coalesce(c.name, '')) @@ to_tsquery('simple', words)
        UNION
        SELECT p.contact_id FROM contact_points p, scope
        WHERE digits <> '' AND p.organization_id = scope.organization_id
            AND (p.value LIKE '+' || digits || '%'
                 OR reverse(p.value) LIKE reverse(digits) || '%')
    )
    SELECT id FROM found ORDER BY id DESC LIMIT most
$$;
"""


def upgrade() -> None:
    op.execute(_UP)
    for function in _FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")


def downgrade() -> None:
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    for index in (
        "contacts_name_words_idx",
        "contact_points_value_idx",
        "contact_points_reverse_value_idx",
    ):
        op.execute(f"DROP INDEX {index}")
