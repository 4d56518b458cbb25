"""The balancer does what those of operators do, and no more than that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import attrs
import pytest

from clientflow_core.ports import free_port
from tests.torture.balancer import Balancer
from tests.torture.children import Child
from tests.torture.http_exchange import Request, Unanswered
from tests.torture.proxy import FaultProxy

READY: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET: Final = Request(method="GET", url="http://127.0.0.1/a", headers={})
POST: Final = Request(method="POST", url="http://127.0.0.1/a", headers={}, body=b"text")


@attrs.define(eq=False)
class Toy:
    """A host that gives one of *answers* after the other, and parts behind one not whole."""

    port: int
    answers: list[bytes] = attrs.field(factory=list)
    asked: list[bytes] = attrs.field(factory=list)

    @property
    def child(self) -> Child:
        url = f"http://127.0.0.1:{self.port}"
        return Child(name=str(self.port), command="serve", url=url, environment={}, log_file=Path())

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        yield
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = READY
        while answer == READY and (head := await reader.read(4096)):
            if not head.startswith(b"GET /ready"):
                self.asked.append(head)
                answer = self.answers.pop(0)
            writer.write(answer)
        writer.close()


@asynccontextmanager
async def balanced(*toys: Toy) -> AsyncIterator[Balancer]:
    async with FaultProxy() as front, Balancer(front, [toy.child for toy in toys]) as balancer:
        async with asyncio.timeout(5):
            while not balancer.ready:  # noqa: ASYNC110 - it looks anew all the time itself
                await asyncio.sleep(0.01)
        yield balancer


@pytest.fixture
def toy() -> Toy:
    return Toy(free_port())


async def test_requests_share_a_connection(toy: Toy) -> None:
    toy.answers = [READY] * 3
    async with toy.served(), balanced(toy) as balancer:
        assert [await balancer.ask(one) for one in (GET, POST, GET)] == [200] * 3
        assert [len(kept) for kept in balancer._kept.values()] == [1]
    assert toy.asked[1].endswith(b"Content-Length: 4\r\n\r\ntext")


async def test_host_that_takes_no_connection_is_passed_over(toy: Toy) -> None:
    gone = Toy(free_port())
    toy.answers = [READY] * 2
    async with toy.served(), balanced(toy, gone) as balancer:
        balancer.ready = [gone.child, toy.child]
        assert [await balancer.ask(POST) for _ in range(2)] == [200, 200]
        assert balancer.offered_again == 1


async def test_what_may_be_repeated_is_where_a_kept_connection_was_closed(toy: Toy) -> None:
    toy.answers = [READY, b"", READY]
    async with toy.served(), balanced(toy) as balancer:
        assert [await balancer.ask(GET) for _ in range(2)] == [200, 200]
        assert balancer.repeated == 1


@pytest.mark.parametrize(
    ("request_", "answers"),
    [
        (POST, [READY, b""]),
        (GET, [READY, READY[:20]]),
    ],
    ids=["what changes something", "what was answered in part"],
)
async def test_all_else_that_goes_wrong_is_told(
    toy: Toy, request_: Request, answers: list[bytes]
) -> None:
    toy.answers = answers
    async with toy.served(), balanced(toy) as balancer:
        assert await balancer.ask(GET) == 200
        with pytest.raises(Unanswered):
            await balancer.ask(request_)
        assert balancer.repeated == 0
    assert len(toy.asked) == 2
