"""Which addresses, servers and roles are taken, and what is said of the others."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import URL

from clientflow_core.errors import DatabaseUnfit
from clientflow_core.persistence import server as server_module
from clientflow_core.persistence.provision import OWNER
from clientflow_core.persistence.server import (
    check_application_role,
    check_version,
    connection_string,
    first_line,
    parse_url,
)
from clientflow_core.secret import Secret
from tests.databases import Addresses

_numbers = itertools.count(1)


@pytest.mark.parametrize(
    ("text", "host", "query"),
    [
        ("postgresql://me:pw@db:5433/shop", "db", {}),
        ("postgres://me:pw@db:5433/shop", "db", {}),
        ("postgresql+psycopg://me:pw@db:5433/shop", "db", {}),
        ("postgresql+asyncpg://me:pw@db:5433/shop", "db", {}),
        ("postgresql://me:pw@[::1]:5433/shop", "::1", {}),
        ("postgresql://me:pw@db:5433/shop?sslmode=require", "db", {"sslmode": "require"}),
        ("postgresql://me:pw@:5433/shop?host=/run/pg", None, {"host": "/run/pg"}),
    ],
)
def test_an_address_of_postgresql_is_read_for_the_one_driver(
    text: str, host: str | None, query: dict[str, str]
) -> None:
    url = parse_url(Secret(text), env="DATABASE_URL")
    assert url.drivername == "postgresql+psycopg"
    assert (url.username, url.password, url.database) == ("me", "pw", "shop")
    assert (url.host, url.port, dict(url.query)) == (host, 5433, query)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a PostgreSQL address"),
        ("hunter2", "is not a PostgreSQL address"),
        ("mysql://me:hunter2@db/shop", "is not a PostgreSQL address"),
        ("sqlite:///hunter2.db", "is not a PostgreSQL address"),
        ("nosuch+driver://me:hunter2@db/shop", "is not a PostgreSQL address"),
        ("postgresql:/me:hunter2@db/shop", "is not a PostgreSQL address"),
        ("postgresql://me:hunter2@db:port/shop", "is not a PostgreSQL address"),
        # An unescaped "@" or "/" in the password makes the rest of it a port.
        ("postgresql://me:a@b:hunter2@db/shop", "is not a PostgreSQL address"),
        ("postgresql://db/shop", "must name a user and a database"),
        ("postgresql://:hunter2@db/shop", "must name a user and a database"),
        ("postgresql://me:hunter2@db", "must name a user and a database"),
        ("postgresql://me:hunter2@db/", "must name a user and a database"),
        ("postgresql://me:hunter2@db/shop?colour=hunter2", "after its question mark"),
    ],
)
def test_another_address_is_refused_without_repeating_it(text: str, reason: str) -> None:
    with pytest.raises(DatabaseUnfit, match=f"^DATABASE_URL .*{reason}") as refused:
        parse_url(Secret(text), env="DATABASE_URL")
    error: BaseException | None = refused.value
    while error is not None:
        assert "hunter2" not in str(error)
        assert error.__cause__ is None
        error = None if error.__suppress_context__ else error.__context__


@given(st.text() | st.from_regex(r"postgres(ql)?://[^/]*@[^/]*/.*", fullmatch=True))
def test_any_text_is_an_address_or_an_error_of_ours(text: str) -> None:
    with suppress(DatabaseUnfit):
        connection_string(parse_url(Secret(text), env="DATABASE_URL"))


# PostgreSQL takes no NUL, and no surrogate is text.
words = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1)


@given(user=words, password=words, database=words, folder=words)
def test_psycopg_is_given_what_the_address_says(
    user: str, password: str, database: str, folder: str
) -> None:
    url = URL.create(
        "postgresql+psycopg",
        username=user,
        password=password,
        host="db",
        database=database,
        query={"application_name": folder},
    )
    read = parse_url(Secret(url.render_as_string(hide_password=False)), env="DATABASE_URL")
    assert conninfo_to_dict(connection_string(read)) == {
        "user": user,
        "password": password,
        "host": "db",
        "dbname": database,
        "application_name": folder,
    }


MakeRole = Callable[[str], URL]


@pytest.fixture
def make_role(addresses: Addresses) -> Iterator[MakeRole]:
    """Make a role with some rights; give the address by which it comes in."""
    made: list[sql.Identifier] = []

    def make(rights: str) -> URL:
        name = f"role_{next(_numbers)}"
        made.append(sql.Identifier(name))
        with addresses.connect() as connection:
            connection.execute(
                sql.SQL(f"CREATE ROLE {{}} LOGIN {rights} PASSWORD 'x'").format(made[-1])
            )
        return addresses.superuser.set(username=name, password="x")

    yield make
    with addresses.connect() as connection:
        for role in made:
            for template in (
                "REASSIGN OWNED BY {} TO CURRENT_USER",
                "DROP OWNED BY {}",
                "DROP ROLE {}",
            ):
                connection.execute(sql.SQL(template).format(role))


def check_as(url: URL) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        check_application_role(connection)


def test_the_application_role_may_serve(addresses: Addresses, make_role: MakeRole) -> None:
    check_as(addresses.application)
    check_as(make_role("NOBYPASSRLS"))


@pytest.mark.parametrize(
    ("rights", "what"),
    [
        ("SUPERUSER NOBYPASSRLS", "is a superuser"),
        ("BYPASSRLS", "may bypass row-level security"),
        ("SUPERUSER BYPASSRLS", "is a superuser and may bypass row-level security"),
        (f"IN ROLE {OWNER}", "is a member of the role that owns the tables"),
    ],
)
def test_a_role_that_row_level_security_does_not_hold_is_refused_with_the_way_to_mend_it(
    make_role: MakeRole, rights: str, what: str
) -> None:
    url = make_role(rights)
    with pytest.raises(DatabaseUnfit) as refused:
        check_as(url)
    message = str(refused.value)
    assert message.startswith(f"the role '{url.username}' in DATABASE_URL {what}, so organizations")
    for word in ("NOSUPERUSER NOBYPASSRLS", "CLIENTFLOW_OWNER_DATABASE_URL", "clientflow migrate"):
        assert word in message


def test_the_owner_of_the_tables_is_refused(addresses: Addresses, make_role: MakeRole) -> None:
    url = make_role("")
    with addresses.connect() as connection:
        connection.execute(f"ALTER TABLE organizations OWNER TO {url.username}")
    with pytest.raises(DatabaseUnfit, match="DATABASE_URL owns the tables, so"):
        check_as(url)


def test_a_member_of_the_owner_would_see_every_row(
    addresses: Addresses, make_role: MakeRole
) -> None:
    """Why it is refused: the policies of the owner hold for it."""
    url = make_role(f"IN ROLE {OWNER}")
    with addresses.connect() as connection:
        connection.execute("INSERT INTO organizations VALUES (gen_random_uuid(), 'A', 'a')")
    with psycopg.connect(connection_string(url)) as connection:
        assert connection.execute("SELECT name FROM organizations").fetchall() == [("A",)]


def test_a_version_that_is_new_enough_is_taken_and_an_older_one_is_not(
    addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sa.create_engine(addresses.application, poolclass=sa.NullPool)
    with engine.connect() as connection:
        check_version(connection)
        monkeypatch.setattr(server_module, "OLDEST_VERSION", 99)
        with pytest.raises(
            DatabaseUnfit, match="needs 99 or newer: upgrade it, or unset DATABASE_URL"
        ):
            check_version(connection)


@pytest.mark.parametrize(
    ("said", "told"),
    [("one\ntwo", "one"), ("\n one \n", "one"), ("", "OperationalError")],
)
def test_of_a_drivers_error_one_line_is_told(said: str, told: str) -> None:
    error = sa.exc.OperationalError("SELECT 'secret'", {}, psycopg.OperationalError(said))
    assert first_line(error) == told
