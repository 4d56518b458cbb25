"""What the tests of persistence share."""

import asyncio
import datetime as dt
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from clientflow_core.domain.inbound_events import InboundEvent
from clientflow_core.ids import new_id
from clientflow_core.persistence.embedded import EmbeddedPostgres
from tests.databases import Addresses


def inbound_event(external_id: str = "1", **changes: Any) -> InboundEvent:
    """Make an event of the provider twilio."""
    values: dict[str, Any] = {
        "id": new_id(),
        "provider": "twilio",
        "webhook": "twilio",
        "account": "AC1",
        "external_id": external_id,
        "method": "POST",
        "url": "https://example.com/webhooks/twilio",
        "headers": {"content-type": "text/plain"},
        "body": b"\x00\xff raw",
        "received_at": dt.datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=dt.UTC),
    }
    return InboundEvent(**{**values, **changes})


def wait_for_locks(addresses: Addresses, count: int) -> None:
    """Return when *count* transactions wait for others; to be called in a thread."""
    with addresses.connect() as connection:
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while connection.execute(waiting).fetchone() != (count,):
            time.sleep(0.01)


class Relay:
    """Stands between us and the server, and may stop passing anything on.

    Args:
        socket: where the server listens.
        folder: gets a socket of the same name.
    """

    def __init__(self, socket: Path, folder: Path) -> None:
        self._socket = socket
        self.folder = folder
        self._is_flowing = asyncio.Event()
        self._is_flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def of(self, url: URL) -> URL:
        """Give the address that leads through here."""
        return url.update_query_dict({"host": str(self.folder)})

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_unix_server(self._take, self.folder / self._socket.name)

    def freeze(self) -> None:
        """Pass nothing on; connections stay open, new ones are taken and left without a word."""
        self._is_flowing.clear()

    def thaw(self) -> None:
        """Pass on what has come in meanwhile, and all that follows."""
        self._is_flowing.set()

    async def close(self) -> None:
        """Listen no more, and cut every connection."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self.thaw()
        await asyncio.gather(*self._passing)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._passing.add(asyncio.create_task(self._pass_on(reader, writer)))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(self._socket)
        self._writers |= {writer, up_writer}
        await asyncio.gather(self._pump(reader, up_writer), self._pump(up_reader, writer))

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while chunk := await source.read(65_536):
                await self._is_flowing.wait()
                target.write(chunk)
                await target.drain()
        except ConnectionError:
            pass
        finally:
            target.close()


@pytest.fixture
async def relay(server: EmbeddedPostgres, addresses: Addresses) -> AsyncIterator[Relay]:
    """A relay in front of the server."""
    folder = Path(tempfile.mkdtemp(prefix="cf-", dir="/tmp"))
    opened = Relay(server.socket_folder / f".s.PGSQL.{server.port}", folder)
    await opened.open()
    yield opened
    await opened.close()
    shutil.rmtree(folder)
