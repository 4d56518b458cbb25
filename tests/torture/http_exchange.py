"""One request and its answer over a connection that is kept, for next to no time of a processor."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final, Self

import attrs
from yarl import URL

_END_OF_HEAD: Final = b"\r\n\r\n"


class Unanswered(Exception):
    """The connection ended, or nothing came in time.

    Attributes:
        is_untouched: not a byte of an answer has come.
    """

    def __init__(self, why: str, *, is_untouched: bool) -> None:
        super().__init__(why)
        self.is_untouched = is_untouched


@attrs.frozen(kw_only=True)
class Request:
    """What is asked for."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def is_safe_to_repeat(self) -> bool:
        """Whether a proxy may send it once more of its own accord."""
        return self.method == "GET"

    def encoded(self) -> bytes:
        """Write it down as HTTP/1.1."""
        url = URL(self.url, encoded=True)
        head = {"Host": url.authority, **self.headers, "Content-Length": str(len(self.body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        return f"{self.method} {url.raw_path_qs} HTTP/1.1\r\n{lines}\r\n".encode() + self.body


@attrs.define(eq=False)
class Kept:
    """A connection to a host, used for one request after the other.

    Attributes:
        is_used: whether it has brought an answer before.
        is_open: whether it may be asked once more.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    is_used: bool = False
    is_open: bool = True

    @classmethod
    async def to(cls, port: int) -> Self:
        """Connect.

        Raises:
            OSError: nobody takes the connection.
        """
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: Request, *, seconds: float) -> int:
        """Send *request*, and give the status of the answer once all of it is there.

        Raises:
            Unanswered: there is none.
        """
        head = b""
        self.is_open = False
        try:
            async with asyncio.timeout(seconds):
                self.writer.write(request.encoded())
                head = await self.reader.readuntil(_END_OF_HEAD)
                status, length, parts = _read_head(head)
                await self.reader.readexactly(length)
        except (OSError, EOFError, TimeoutError) as error:
            came = head or getattr(error, "partial", b"")
            is_untouched = not came and not isinstance(error, TimeoutError)
            raise Unanswered(type(error).__name__, is_untouched=is_untouched) from error
        self.is_used, self.is_open = True, not parts
        return status

    @property
    def is_usable(self) -> bool:
        """Whether the other side has not parted meanwhile either."""
        return self.is_open and not self.reader.at_eof() and not self.writer.is_closing()

    def close(self) -> None:
        """Part."""
        with contextlib.suppress(OSError):
            self.writer.close()


def _read_head(head: bytes) -> tuple[int, int, bool]:
    """Give the status, how long the body is, and whether the host parts with the connection."""
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    length = int(fields.get("content-length", "0"))
    return int(first.split(" ")[1]), length, fields.get("connection", "").lower() == "close"
