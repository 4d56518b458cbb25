"""Make the two roles and the database on a PostgreSQL of our own."""

import json
import os
import secrets
from pathlib import Path
from typing import Final

import attrs
import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_core.secret import Secret

OWNER: Final = "clientflow_owner"
APPLICATION: Final = "clientflow_app"
DATABASE: Final = "clientflow"


@attrs.frozen
class DatabaseAddresses:
    """Where the database is, for each of the two roles."""

    owner: Secret
    application: Secret


def provision(server: EmbeddedPostgres, state_folder: Path) -> DatabaseAddresses:
    """Make what is missing of roles and database, and give their addresses.

    The passwords are made once and kept in *state_folder*, readable by its owner only.
    """
    passwords = _passwords(state_folder / "database.json")
    with psycopg.connect(
        server.url(user=server.superuser, database="postgres").reveal(), autocommit=True
    ) as connection:
        # BYPASSRLS lets pg_dump read every row; CREATEROLE lets `migrate` do its part anywhere.
        _make_role(connection, OWNER, passwords[OWNER], "CREATEROLE BYPASSRLS")
        _make_role(connection, APPLICATION, passwords[APPLICATION], "NOBYPASSRLS")
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if not exists.fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(DATABASE), sql.Identifier(OWNER)
                )
            )
    return DatabaseAddresses(
        owner=server.url(user=OWNER, password=Secret(passwords[OWNER]), database=DATABASE),
        application=server.url(
            user=APPLICATION, password=Secret(passwords[APPLICATION]), database=DATABASE
        ),
    )


def owner_beside(application: Secret, state_folder: Path) -> Secret | None:
    """Give the owner's address of the database that :func:`provision` has made in *state_folder*.

    Args:
        application: the address of the application role.
        state_folder: keeps the passwords.

    Returns:
        None where *application* is that of another database.
    """
    path, url = state_folder / "database.json", make_url(application.reveal())
    if not path.exists():
        return None
    passwords = _passwords(path)
    if (url.username, url.password) != (APPLICATION, passwords[APPLICATION]):
        return None
    owner = url.set(username=OWNER, password=passwords[OWNER])
    return Secret(owner.render_as_string(hide_password=False))


def _make_role(
    connection: psycopg.Connection[tuple[object, ...]], name: str, password: str, rights: str
) -> None:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    verb = "ALTER" if found else "CREATE"
    template = f"{verb} ROLE {{}} LOGIN NOSUPERUSER {rights} PASSWORD {{}}"
    connection.execute(sql.SQL(template).format(sql.Identifier(name), sql.Literal(password)))


def _passwords(path: Path) -> dict[str, str]:
    if path.exists():
        return dict(json.loads(path.read_text("utf-8")))
    made = {name: secrets.token_urlsafe(24) for name in (OWNER, APPLICATION)}
    # Under another name first: what a crash leaves half written is never read.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(made, file)
        os.fsync(file.fileno())
    draft.replace(path)
    return made
