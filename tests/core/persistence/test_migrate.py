"""Migrations on real servers: from nothing, again, at once, back, and without enough rights."""

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import psycopg
import pytest
from psycopg import sql
from saq.queue.postgres import PostgresQueue
from sqlalchemy.engine import URL

from clientflow_core.errors import DatabaseUnfit
from clientflow_core.persistence import migrate as migrate_module
from clientflow_core.persistence import server as server_module
from clientflow_core.persistence.embedded import EmbeddedPostgres, find_binaries
from clientflow_core.persistence.migrate import migrate, newest_revision
from clientflow_core.persistence.readiness import expected_revision
from clientflow_core.persistence.server import connection_string, parse_url
from tests.databases import Addresses
from tests.requirements import DEBIAN_15, demand

# What people put into passwords, and what breaks the ways of writing SQL and addresses.
PASSWORD = "50% of 'it' is \"é\\ @:/?#&=+"
STORE = """
    SELECT store_inbound_events(
        ARRAY[gen_random_uuid()], '{p}', '{w}', '{a}', '{e}', '{POST}', '{u}',
        ARRAY['{}'::jsonb], ARRAY[''::bytea], ARRAY[now()])
"""

_numbers = itertools.count(1)


@attrs.frozen(kw_only=True)
class Site:
    """An empty database with an owner; the application's role is not made yet."""

    superuser: URL
    owner: URL
    application: URL

    def connect(self, url: URL | None = None) -> psycopg.Connection[tuple[Any, ...]]:
        """Open a connection, as the superuser unless told otherwise."""
        return psycopg.connect(connection_string(url or self.superuser), autocommit=True)

    def value(self, statement: str, *parameters: object) -> Any:
        """Ask the superuser for one value."""
        with self.connect() as connection:
            row = connection.execute(statement, parameters).fetchone()
        return row[0] if row else None

    def relations(self) -> list[str]:
        """List what there is besides Alembic's own table: tables, sequences and functions."""
        with self.connect() as connection:
            rows = connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                " AND relkind <> 'i' AND relname <> 'alembic_version' UNION ALL"
                " SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            )
            return [str(name) for (name,) in rows]


MakeSite = Callable[..., Site]


def site_maker(server: EmbeddedPostgres) -> Iterator[MakeSite]:
    made: list[tuple[str, str, str]] = []
    postgres = server.url(user=server.superuser, database="postgres")

    def make(rights: str = "CREATEROLE NOBYPASSRLS", *, owns_database: bool = True) -> Site:
        number = next(_numbers)
        # A percent sign in a name, too: it must not be taken for a parameter.
        names = (f"site_{number}", f"owner_{number}%s", f'app "{number}" 100%')
        made.append(names)
        database, owner, application = names
        with psycopg.connect(postgres.reveal(), autocommit=True) as connection:
            for template in (
                f"CREATE ROLE {{owner}} LOGIN {rights} PASSWORD 'owner'",
                "CREATE DATABASE {database} OWNER " + ("{owner}" if owns_database else "postgres"),
            ):
                connection.execute(
                    sql.SQL(template).format(
                        owner=sql.Identifier(owner), database=sql.Identifier(database)
                    )
                )
        superuser = parse_url(postgres, env="tests").set(database=database)
        return Site(
            superuser=superuser,
            owner=superuser.set(username=owner, password="owner"),
            application=superuser.set(username=application, password=PASSWORD),
        )

    yield make
    with psycopg.connect(postgres.reveal(), autocommit=True) as connection:
        for database, owner, application in made:
            dropped = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database))
            connection.execute(dropped)
            for role in (application, owner):
                connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


@pytest.fixture
def make_site(server: EmbeddedPostgres) -> Iterator[MakeSite]:
    yield from site_maker(server)


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    return make_site()


@pytest.fixture(scope="module")
def oldest_server() -> Iterator[EmbeddedPostgres]:
    """The oldest PostgreSQL that is supported."""
    demand((DEBIAN_15 / "initdb").exists(), "postgresql-15 is not installed")
    folder = Path(tempfile.mkdtemp(prefix="cf-", dir="/tmp")).resolve()
    folder.chmod(0o755)
    binaries = find_binaries(DEBIAN_15)
    with EmbeddedPostgres.start(folder / "state", binaries=binaries, durable=False) as running:
        yield running
    shutil.rmtree(folder)


@pytest.fixture(params=["server", "oldest_server"])
def any_site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """An empty database on the usual server, and one on the oldest."""
    for make in site_maker(request.getfixturevalue(request.param)):
        yield make()


def test_an_empty_database_gets_everything_and_the_application_is_let_in(any_site: Site) -> None:
    assert migrate(any_site.owner, any_site.application) == newest_revision()
    with any_site.connect(any_site.application) as application:
        assert application.execute(STORE).fetchone() == (1,)
        assert application.execute("SELECT kind FROM jobs").fetchall() == [
            ("handle_inbound_event",)
        ]
        assert application.execute("SELECT version_num FROM alembic_version").fetchone() == (
            newest_revision(),
        )


def test_an_owner_that_row_level_security_holds_still_sees_every_row(any_site: Site) -> None:
    migrate(any_site.owner, any_site.application)
    with any_site.connect(any_site.owner) as owner:
        rights = owner.execute(
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        assert rights.fetchone() == (False,)
        owner.execute("INSERT INTO organizations VALUES (gen_random_uuid(), 'A', 'a')")
        owner.execute("INSERT INTO contacts SELECT id, gen_random_uuid(), 'B' FROM organizations")
        assert owner.execute("UPDATE contacts SET name = 'C'").rowcount == 1
        assert owner.execute(STORE).fetchone() == (1,)


def test_going_back_leaves_nothing_and_going_on_makes_it_again(any_site: Site) -> None:
    migrate(any_site.owner, any_site.application)
    before = any_site.relations()
    assert migrate(any_site.owner, any_site.application, revision="base") == "base"
    assert any_site.relations() == []
    assert migrate(any_site.owner, any_site.application) == newest_revision()
    assert sorted(any_site.relations()) == sorted(before)
    with any_site.connect(any_site.application) as application:
        application.execute(STORE)


def test_going_back_before_threads_joins_the_conversations_of_an_address(site: Site) -> None:
    migrate(site.owner, site.application)
    with site.connect(site.owner) as owner:
        owner.execute(
            """
            INSERT INTO organizations VALUES (gen_random_uuid(), 'A', 'a');
            INSERT INTO channels (organization_id, id, provider, address, name)
                SELECT id, id, 'smtp', 'a@example.com', 'A' FROM organizations;
            INSERT INTO contacts SELECT id, id, 'B' FROM organizations;
            INSERT INTO contact_points (organization_id, id, contact_id, kind, value)
                SELECT id, id, id, 'email', 'b@example.com' FROM organizations;
            INSERT INTO conversations
                (organization_id, id, contact_id, channel_id, contact_point_id, thread, subject)
                SELECT id, gen_random_uuid(), id, id, id, thread, thread
                FROM organizations, unnest(ARRAY['<1@a>', '<2@a>', '<3@a>']) AS thread;
            INSERT INTO messages
                (organization_id, id, conversation_id, channel_id, direction, body, status)
                SELECT organization_id, id, id, channel_id, 'in', subject, 'received'
                FROM conversations;
            """
        )
    assert migrate(site.owner, site.application, revision="0008") == "0008"
    assert site.value("SELECT count(*) FROM conversations") == 1
    assert site.value("SELECT count(DISTINCT conversation_id) FROM messages") == 1
    assert site.value("SELECT count(*) FROM messages") == 3


def test_a_revision_may_be_named(site: Site) -> None:
    assert migrate(site.owner, site.application, revision="0001") == "0001"
    assert "contacts" in site.relations()


def test_the_second_time_there_is_nothing_to_do(site: Site) -> None:
    migrate(site.owner, site.application)
    look = "SELECT xmin::text || (SELECT count(*) FROM pg_class) FROM alembic_version"
    before = site.value(look)
    assert migrate(site.owner, site.application) == newest_revision()
    assert site.value(look) == before


@pytest.mark.proves("CG5")
def test_several_at_once_all_end_well(site: Site) -> None:
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(migrate, site.owner, site.application) for _ in range(4)]
        assert [run.result() for run in runs] == [newest_revision()] * 4


def test_the_folder_of_the_migrations_may_have_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate_module, "__file__", "/srv/50% done/migrate.py")
    found = migrate_module._config().get_main_option("script_location")
    assert found == "/srv/50% done/migrations"


def test_the_newest_revision_is_the_one_that_readiness_expects() -> None:
    assert newest_revision() == expected_revision()


def test_a_missing_application_role_is_made(site: Site) -> None:
    migrate(site.owner, site.application)
    made = (
        "SELECT rolcanlogin AND NOT rolsuper AND NOT rolbypassrls FROM pg_roles WHERE rolname = %s"
    )
    assert site.value(made, site.application.username) is True
    # What has just signed in by it is the password itself; the server was sent something else.
    site.connect(site.application).close()
    kept = "SELECT rolpassword FROM pg_authid WHERE rolname = %s"
    assert str(site.value(kept, site.application.username)).startswith("SCRAM-SHA-256$")


def test_a_role_without_a_password_gets_none(site: Site) -> None:
    without = URL.create(
        site.application.drivername,
        username=site.application.username,
        host=site.application.host,
        database=site.application.database,
    )
    migrate(site.owner, without)
    kept = "SELECT rolpassword FROM pg_authid WHERE rolname = %s"
    assert site.value(kept, site.application.username) is None


def test_an_application_role_that_is_there_keeps_its_password(site: Site) -> None:
    migrate(site.owner, site.application)
    migrate(site.owner, site.application.set(password="another"))
    site.connect(site.application).close()


def test_an_owner_that_may_not_make_roles_is_told_what_to_have_run(make_site: MakeSite) -> None:
    site = make_site("NOCREATEROLE NOBYPASSRLS")
    with pytest.raises(DatabaseUnfit) as refused:
        migrate(site.owner, site.application)
    message = str(refused.value)
    assert PASSWORD not in message
    assert site.relations() == []
    wanted = message.partition("of DATABASE_URL: ")[2]
    with site.connect() as administrator:
        administrator.execute(sql.SQL(wanted.replace("'…'", "{}")).format(PASSWORD))
    assert migrate(site.owner, site.application) == newest_revision()
    site.connect(site.application).close()


def test_an_owner_that_may_not_make_tables_is_told_what_to_have_run(make_site: MakeSite) -> None:
    site = make_site(owns_database=False)
    with pytest.raises(DatabaseUnfit, match="may not make tables") as refused:
        migrate(site.owner, site.application)
    wanted = str(refused.value).partition("in this database: ")[2]
    with site.connect() as administrator:
        administrator.execute(wanted)
    assert migrate(site.owner, site.application) == newest_revision()


def test_what_is_in_the_way_is_named_and_nothing_half_done_stays(site: Site) -> None:
    with site.connect(site.owner) as owner:
        owner.execute("CREATE TABLE jobs (id int)")
    with pytest.raises(DatabaseUnfit, match='undone: relation "jobs" already exists'):
        migrate(site.owner, site.application)
    assert site.relations() == ["jobs"]


def test_a_database_that_is_not_there_is_an_error_with_its_reason(site: Site) -> None:
    with pytest.raises(DatabaseUnfit, match=r'as its owner: .*"nowhere" does not exist'):
        migrate(site.owner.set(database="nowhere"), site.application)


def test_a_wrong_password_of_the_owner_is_not_repeated(site: Site) -> None:
    with pytest.raises(DatabaseUnfit, match="password authentication failed") as refused:
        migrate(site.owner.set(password="hunter2"), site.application)
    assert "hunter2" not in str(refused.value)


def test_an_old_server_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "OLDEST_VERSION", 99)
    with pytest.raises(DatabaseUnfit, match="ClientFlow needs 99 or newer: upgrade it"):
        migrate(site.owner, site.application)
    assert site.relations() == []


def saq_tables(url: URL) -> dict[str, list[Any]]:
    """Read what there is of SAQ's: columns, indexes, constraints, and its version."""
    with psycopg.connect(connection_string(url)) as connection:
        return {
            what: connection.execute(statement).fetchall()
            for what, statement in {
                "columns": "SELECT table_name, column_name, data_type, is_nullable, column_default"
                " FROM information_schema.columns WHERE table_name LIKE 'saq%' ORDER BY 1, 2",
                "indexes": "SELECT regexp_replace(indexdef, '^CREATE (UNIQUE )?INDEX \\S+', '\\1')"
                " FROM pg_indexes WHERE tablename LIKE 'saq%' ORDER BY 1",
                "keys": "SELECT conrelid::regclass::text, pg_get_constraintdef(oid)"
                " FROM pg_constraint WHERE conrelid::regclass::text LIKE 'saq%' ORDER BY 1, 2",
                "version": "SELECT version FROM saq_versions",
            }.items()
        }


async def test_the_tables_of_saq_are_those_that_it_would_make_itself(
    make_site: MakeSite, addresses: Addresses
) -> None:
    empty = make_site()
    queue = PostgresQueue(url=connection_string(empty.superuser), min_size=1, max_size=2)
    await queue.connect()
    await queue.disconnect()
    assert saq_tables(addresses.superuser) == saq_tables(empty.superuser)
