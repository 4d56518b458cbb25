"""The catalogue of a migrated database against the written lists, and against tables.py."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from psycopg.rows import dict_row
from tests.conftest import Addresses

from clientflow_core.persistence import migrate as migrate_module
from clientflow_core.persistence.provision import APPLICATION, OWNER
from clientflow_core.persistence.tables import (
    ORGANIZATION_TABLES,
    PLATFORM_TABLES,
    SYSTEM_TABLES,
    metadata,
)

SCOPE = (
    "( SELECT (NULLIF(current_setting('app.organization_id'::text, true), ''::text))::uuid"
    ' AS "nullif")'
)
RULES = {
    **dict.fromkeys(ORGANIZATION_TABLES, f"(organization_id = {SCOPE})"),
    "organizations": f"(id = {SCOPE})",
    "inbound_events": f"(organization_id = {SCOPE})",
    "users": "(EXISTS ( SELECT 1 FROM memberships m WHERE (m.user_id = users.id)))",
    "user_sessions": "false",
}
READ_ONLY = {"organizations", "users", "inbound_events", "alembic_version"}
HIDDEN = {"user_sessions"}

RELATIONS = """
    SELECT relname AS name, nspname AS schema, nspname = 'public' AND relkind = 'r' AS is_table,
        relrowsecurity AND relforcerowsecurity AS is_guarded,
        pg_get_userbyid(relowner) AS owner,
        array_to_string(ARRAY(
            SELECT privilege_type FROM aclexplode(relacl)
            WHERE grantee = (SELECT oid FROM pg_roles WHERE rolname = %s) ORDER BY 1), ',')
            AS rights,
        EXISTS (SELECT 1 FROM aclexplode(relacl) WHERE grantee = 0) AS is_public
    FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
        AND nspname !~ '^pg_' AND nspname <> 'information_schema'
    ORDER BY relname
"""
POLICIES = r"""
    SELECT polrelid::regclass::text AS "table", polname AS name,
        polcmd = '*' AND polpermissive AS is_plain, polroles::regrole[]::text[] AS roles,
        regexp_replace(pg_get_expr(polqual, polrelid), '\s+', ' ', 'g') AS using,
        regexp_replace(pg_get_expr(polwithcheck, polrelid), '\s+', ' ', 'g') AS "check"
    FROM pg_policy ORDER BY polname
"""
FOREIGN_KEYS = """
    SELECT conrelid::regclass::text AS "table", confrelid::regclass::text AS target, condeferrable,
        ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS k (number, place)
              JOIN pg_attribute ON attrelid = conrelid AND attnum = number
              ORDER BY place) AS columns,
        ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS k (number, place)
              JOIN pg_attribute ON attrelid = confrelid AND attnum = number
              ORDER BY place) AS targets
    FROM pg_constraint WHERE contype = 'f'
"""
FUNCTIONS = """
    SELECT proname AS name, prosecdef AS is_definer, proconfig AS settings,
        pg_get_userbyid(proowner) AS owner,
        ARRAY(SELECT coalesce(nullif(grantee, 0)::regrole::text, 'PUBLIC')
              FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) ORDER BY 1) AS callers
    FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY proname
"""

Row = dict[str, Any]
Catalogue = psycopg.Cursor[Row]


@pytest.fixture
def catalogue(shared: Addresses) -> Iterator[Catalogue]:
    """The shared database as the superuser, in a transaction that is undone."""
    with (
        shared.connect() as connection,
        connection.transaction(force_rollback=True),
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        yield cursor


def find_gaps(catalogue: Catalogue) -> list[str]:
    """Give one sentence for each thing that would let organizations see each other's rows."""
    return [
        *_unlisted(catalogue),
        *_unguarded(catalogue),
        *_loose_references(catalogue),
        *_open_functions(catalogue),
    ]


def _unlisted(catalogue: Catalogue) -> Iterator[str]:
    lists = (ORGANIZATION_TABLES, PLATFORM_TABLES, SYSTEM_TABLES)
    for row in _relations(catalogue):
        name = row["name"]
        if not row["is_table"]:
            yield f"{row['schema']}.{name} is no plain table of ours"
            continue
        if sum(name in names for names in lists) != 1:
            yield f"{name} is not on exactly one of the three lists"
        if row["owner"] != OWNER:
            yield f"{name} belongs to {row['owner']}"
        if row["is_public"]:
            yield f"everybody has rights on {name}"
        if row["rights"] != _expected_rights(name):
            yield f"the application's rights on {name} are {row['rights'] or 'none'}"


def _expected_rights(name: str) -> str:
    if name in HIDDEN:
        return ""
    return "SELECT" if name in READ_ONLY else "DELETE,INSERT,SELECT,UPDATE"


def _unguarded(catalogue: Catalogue) -> Iterator[str]:
    policies = catalogue.execute(POLICIES).fetchall()
    for row in _relations(catalogue):
        name = row["name"]
        found = [
            (policy["name"], policy["is_plain"], policy["roles"], policy["using"], policy["check"])
            for policy in policies
            if policy["table"] == name
        ]
        if name in SYSTEM_TABLES:
            if found:
                yield f"{name} is a system table with a policy"
            continue
        if row["is_table"] and not row["is_guarded"]:
            yield f"{name} has no forced row-level security"
        rule = RULES.get(name)
        expected = [
            (f"{name}_owner", True, [OWNER], "true", None),
            (f"{name}_scope", True, ["-"], rule, rule),
        ]
        if row["is_table"] and found != expected:
            yield f"{name} has other policies: {found}"


def _loose_references(catalogue: Catalogue) -> Iterator[str]:
    for key in catalogue.execute(FOREIGN_KEYS):
        if key["table"] not in ORGANIZATION_TABLES or key["target"] in {"organizations", "users"}:
            continue
        first = (key["columns"][0], key["targets"][0])
        if first != ("organization_id", "organization_id"):
            yield f"{key['table']} refers to {key['target']} without its organization"


def _open_functions(catalogue: Catalogue) -> Iterator[str]:
    for row in catalogue.execute(FUNCTIONS):
        name = row["name"]
        if not row["is_definer"] or name not in migrate_module._FUNCTIONS:
            yield f"the function {name} is not on the list"
        # Last, since the temporary schema comes first where it is not named.
        if row["settings"] != ["search_path=pg_catalog, public, pg_temp"]:
            yield f"the function {name} looks for tables elsewhere: {row['settings']}"
        if row["owner"] != OWNER or row["callers"] != [APPLICATION, OWNER]:
            yield f"the function {name} of {row['owner']} may be called by {row['callers']}"


def _relations(catalogue: Catalogue) -> list[Row]:
    return catalogue.execute(RELATIONS, [APPLICATION]).fetchall()


def test_the_catalogue_is_as_the_lists_say(catalogue: Catalogue) -> None:
    assert find_gaps(catalogue) == []


def test_the_lists_name_what_is_there_and_nothing_else(catalogue: Catalogue) -> None:
    there = {row["name"] for row in _relations(catalogue)}
    assert there == ORGANIZATION_TABLES | PLATFORM_TABLES | SYSTEM_TABLES
    assert len(there) == len(ORGANIZATION_TABLES) + len(PLATFORM_TABLES) + len(SYSTEM_TABLES)


def test_every_row_of_an_organization_names_it(catalogue: Catalogue) -> None:
    rows = catalogue.execute(
        "SELECT table_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE column_name = 'organization_id' AND table_schema = 'public'"
    )
    found = {row["table_name"]: (row["data_type"], row["is_nullable"]) for row in rows}
    owned = {name: found.get(name) for name in ORGANIZATION_TABLES}
    assert owned == dict.fromkeys(ORGANIZATION_TABLES, ("uuid", "NO"))
    # Whose an event or a job is may not be known yet.
    assert set(found) - ORGANIZATION_TABLES == {"inbound_events", "jobs"}


def test_every_function_on_the_list_is_there(catalogue: Catalogue) -> None:
    found = [row["name"] for row in catalogue.execute(FUNCTIONS)]
    assert found == sorted(migrate_module._FUNCTIONS)


GAPS = [
    (
        "CREATE TABLE notes (organization_id uuid, body text)",
        ["notes is not on exactly one", "rights on notes", "no forced", "notes has other policies"],
    ),
    ("CREATE VIEW everybody AS SELECT * FROM public.contacts", ["everybody is no plain table"]),
    ("CREATE SCHEMA aside CREATE TABLE users (id int)", ["aside.users is no plain table"]),
    ("ALTER TABLE contacts NO FORCE ROW LEVEL SECURITY", ["contacts has no forced"]),
    ("ALTER TABLE users DISABLE ROW LEVEL SECURITY", ["users has no forced"]),
    ("DROP POLICY messages_scope ON messages", ["messages has other policies"]),
    ("ALTER POLICY messages_scope ON messages WITH CHECK (true)", ["messages has other policies"]),
    ("CREATE POLICY more ON channels USING (true)", ["channels has other policies"]),
    (
        "CREATE POLICY more ON channels AS RESTRICTIVE FOR SELECT USING (true)",
        ["channels has other policies"],
    ),
    ("CREATE POLICY more ON jobs USING (true)", ["jobs is a system table with a policy"]),
    (f"GRANT INSERT ON organizations TO {APPLICATION}", ["rights on organizations"]),
    (f"GRANT SELECT ON user_sessions TO {APPLICATION}", ["rights on user_sessions"]),
    (f"GRANT TRUNCATE ON contacts TO {APPLICATION}", ["rights on contacts"]),
    ("GRANT SELECT ON users TO PUBLIC", ["everybody has rights on users"]),
    (f"ALTER TABLE contacts OWNER TO {APPLICATION}", ["contacts belongs to", "rights on contacts"]),
    (
        """
        ALTER TABLE contacts ADD CONSTRAINT alone UNIQUE (id);
        ALTER TABLE contact_points ADD FOREIGN KEY (contact_id) REFERENCES contacts (id)
        """,
        ["contact_points refers to contacts without its organization"],
    ),
    ("ALTER FUNCTION find_api_key RESET search_path", ["find_api_key looks for tables elsewhere"]),
    (
        "GRANT EXECUTE ON FUNCTION add_user TO PUBLIC",
        ["add_user of clientflow_owner may be called"],
    ),
    ("ALTER FUNCTION add_user SECURITY INVOKER", ["add_user is not on the list"]),
    (
        """
        CREATE FUNCTION all_users() RETURNS SETOF users LANGUAGE sql SECURITY DEFINER
        AS 'SELECT * FROM public.users'
        """,
        ["all_users is not on the list", "all_users looks", "all_users of"],
    ),
]


@pytest.mark.parametrize(
    ("change", "expected"), GAPS, ids=[" ".join(change.split())[:60] for change, _ in GAPS]
)
def test_the_check_finds_what_opens_a_gap(
    catalogue: Catalogue, change: str, expected: list[str]
) -> None:
    catalogue.execute(f"SET ROLE {OWNER}" if "OWNER TO" not in change else "SELECT")
    catalogue.execute(change)
    catalogue.execute("RESET ROLE")
    gaps = find_gaps(catalogue)
    assert len(gaps) == len(expected), gaps
    for gap, words in zip(sorted(gaps), sorted(expected), strict=True):
        assert words in gap


def _differences(addresses: Addresses, change: str = "SELECT") -> list[Any]:
    """Tell how the database would differ from tables.py after *change*."""

    def is_ours(name: str | None, kind: str, _: object) -> bool:
        return not (kind == "table" and (name or "").startswith("saq_"))

    engine = sa.create_engine(addresses.owner, poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(change)
        context = MigrationContext.configure(
            connection, opts={"include_name": is_ours, "compare_server_default": True}
        )
        return list(compare_metadata(context, metadata))


def test_tables_py_says_what_the_migrations_make(shared: Addresses) -> None:
    assert not _differences(shared)


@pytest.mark.parametrize(
    "change",
    [
        "DROP INDEX jobs_due_idx",
        "ALTER TABLE contacts ADD COLUMN age int",
        "ALTER TABLE contacts ALTER COLUMN name SET NOT NULL",
        "ALTER TABLE messages ALTER COLUMN status TYPE varchar(20)",
        "ALTER TABLE messages ALTER COLUMN status SET DEFAULT 'queued'",
        "ALTER TABLE contact_points DROP CONSTRAINT contact_points_organization_id_contact_id_fkey",
        "ALTER TABLE channels DROP CONSTRAINT channels_plugin_address_key",
    ],
)
def test_a_difference_from_tables_py_is_found(shared: Addresses, change: str) -> None:
    assert len(_differences(shared, change)) == 1


def test_deferred_references_are_in_tables_py(catalogue: Catalogue) -> None:
    deferred = {
        (row["table"], row["target"], tuple(row["columns"]))
        for row in catalogue.execute(FOREIGN_KEYS)
        if row["condeferrable"]
    }
    written = {
        (table.name, key.referred_table.name, tuple(key.column_keys))
        for table in metadata.tables.values()
        for key in table.foreign_key_constraints
        if key.deferrable
    }
    assert deferred == written
    assert len(deferred) == 7


def test_the_application_role_is_nobody_in_particular(catalogue: Catalogue) -> None:
    role = catalogue.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolcanlogin,"
        " (SELECT count(*) FROM pg_auth_members WHERE member = r.oid) AS groups,"
        " (SELECT count(*) FROM pg_class WHERE relowner = r.oid) AS owned,"
        " has_schema_privilege(oid, 'public', 'CREATE') AS may_create,"
        " has_database_privilege(oid, current_database(), 'CREATE') AS may_make_schemas"
        " FROM pg_roles r WHERE rolname = %s",
        [APPLICATION],
    ).fetchone()
    assert role is not None
    assert role.pop("rolcanlogin") is True
    assert not any(role.values()), role


FORBIDDEN = [
    "CREATE TABLE mine (id int)",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "INSERT INTO organizations (id, name, slug) VALUES (gen_random_uuid(), 'x', 'x')",
    "UPDATE organizations SET name = 'x'",
    "DELETE FROM organizations",
    "INSERT INTO users (id, email, password_hash) VALUES (gen_random_uuid(), 'x', 'x')",
    "UPDATE users SET password_hash = 'x'",
    "DELETE FROM users",
    "SELECT * FROM user_sessions",
    "UPDATE inbound_events SET state = 'done'",
    "DELETE FROM inbound_events",
    "UPDATE alembic_version SET version_num = 'x'",
    "TRUNCATE contacts",
    "ALTER TABLE contacts DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE contacts NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY contacts_scope ON contacts",
    "CREATE TRIGGER t BEFORE UPDATE ON contacts EXECUTE FUNCTION tsvector_update_trigger()",
    "DROP TABLE contacts",
    f"SET ROLE {OWNER}",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_application_may_not(shared: Addresses, statement: str) -> None:
    with (
        psycopg.connect(shared.conninfo) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_a_temporary_table_does_not_stand_in_for_ours_in_the_owners_functions(
    shared: Addresses,
) -> None:
    with psycopg.connect(shared.conninfo) as connection:
        connection.execute(
            """
            CREATE TEMP TABLE inbound_events (LIKE public.inbound_events);
            CREATE FUNCTION pg_temp.seize() RETURNS trigger LANGUAGE plpgsql
                AS $$ BEGIN RAISE EXCEPTION 'now I am %', current_user; END $$;
            CREATE TRIGGER seize BEFORE UPDATE ON pg_temp.inbound_events
                EXECUTE FUNCTION pg_temp.seize();
            GRANT ALL ON pg_temp.inbound_events TO PUBLIC
            """
        )
        connection.execute("SELECT finish_inbound_event(gen_random_uuid(), 'done', NULL)")
