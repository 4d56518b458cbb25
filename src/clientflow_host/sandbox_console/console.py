"""The pages of the console, added to the application that serves the sandboxes."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import aiohttp
from aiohttp import web
from markupsafe import Markup

from clientflow_core.domain.phone_numbers import to_e164
from clientflow_core.errors import InvalidInput
from clientflow_core.sandbox import ControlBody, Phones, ProviderSandbox
from clientflow_core.sandbox.control import Handler, refuse_other_site
from clientflow_host.pages.assets import find_file
from clientflow_host.pages.templating import fill, page_headers
from clientflow_host.sandbox_console.business import Business, Reach, find_business
from clientflow_host.sandbox_console.log import read_log
from clientflow_host.sandbox_console.switches import turn
from clientflow_host.sandbox_console.view import Seats, phone_id, show_sandbox

# So long a page waits for the webhook of a text to be taken; a switch may hold it for an hour.
_PATIENCE_SECONDS: Final = 0.5
_LONGEST_BODY: Final = 1600
_MOST_CALLS: Final = 1000
_MOST_SECONDS: Final = 3600
_FIELD: Final = "set-"
"""Before the names of an event's fields in a form."""
# The parts of the page that change by themselves, apart since the business stands between them.
CLIENTS: Final = "clients"
INSIDE: Final = "inside"
Change: TypeAlias = Callable[[web.Request], Awaitable[str]]


def add_console(
    app: web.Application, sandboxes: Sequence[ProviderSandbox], *, host_url: str
) -> None:
    """Serve the console for *sandboxes* at ``/`` of *app*.

    Args:
        app: serves the sandboxes themselves.
        sandboxes: what is shown.
        host_url: where the business's own pages are.
    """
    console = _Console(sandboxes, host_url)
    app.cleanup_ctx.append(console.asking)
    app.add_routes(
        [
            web.get("/", console.show),
            web.get("/_console/live/{part:clients|inside}", console.show_live),
            web.get("/_console/business", console.show_business),
            web.post("/_console/reset", console.changing(console.reset, part=INSIDE)),
            web.post("/_console/off/clients", console.changing(console.all_off, part=CLIENTS)),
            web.post("/_console/off/inside", console.changing(console.all_off, part=INSIDE)),
            web.post("/_console/{name}/texts", console.changing(console.write, part=CLIENTS)),
            web.post("/_console/{name}/phones", console.changing(console.add_phone, part=CLIENTS)),
            web.post("/_console/{name}/events", console.changing(console.happen, part=CLIENTS)),
            web.post("/_console/{name}/faults", console.changing(console.turn, part=INSIDE)),
            web.get("/static/{digest}/{name}", _read_file),
            web.get("/favicon.ico", _no_icon),
        ]
    )


class _Console:
    """What the console remembers: the telephones that were put on the table."""

    def __init__(self, sandboxes: Sequence[ProviderSandbox], host_url: str) -> None:
        self._sandboxes = {box.name: box for box in sandboxes}
        self._host_url = host_url
        self._seats = Seats()
        self._http: aiohttp.ClientSession | None = None

    async def asking(self, _: web.Application) -> AsyncIterator[None]:
        """Keep what asks the host."""
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as self._http:
            yield

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show everything."""
        return await self._page(request)

    async def show_live(self, request: web.Request) -> web.StreamResponse:
        """Show what changes by itself, if it is other than what the page has."""
        digest, shown = self._live(request.match_info["part"])
        if request.query.get("seen") == digest:
            return web.Response(status=HTTPStatus.NO_CONTENT)
        return _html(shown)

    async def show_business(self, request: web.Request) -> web.StreamResponse:
        """Show the business's side, for a page that waits for it."""
        business = await self._find_business(request)
        return _html(fill("console_business.html", business=business))

    def changing(self, change: Change, *, part: str) -> Handler:
        """Make the handler of a form.

        Args:
            change: does what the form asks for, and names the element to look at afterwards.
            part: in which the form stands; with a script it alone is answered.
        """

        async def handle(request: web.Request) -> web.StreamResponse:
            is_part = "HX-Request" in request.headers
            try:
                refuse_other_site(request)
                element = await change(request)
            except InvalidInput as error:
                if is_part:
                    return _html(self._live(part, str(error))[1], status=_REFUSED)
                return await self._page(request, {part: str(error)}, status=_REFUSED)
            if is_part:
                return _html(self._live(part)[1])
            raise web.HTTPSeeOther(f"/#{element}")

        return handle

    async def write(self, request: web.Request) -> str:
        """Let a client write."""
        box, form = self._sandbox(request), await request.post()
        seat = str(form.get("from", "")), str(form.get("to", ""))
        body = str(form.get("body", "")).replace("\r\n", "\n").replace("\0", "").strip()
        if not body:
            msg = "Write something first."
            raise InvalidInput(msg)
        if len(body) > _LONGEST_BODY:
            msg = f"A text has {_LONGEST_BODY} characters at most."
            raise InvalidInput(msg)
        await _let_happen(box, {"from": seat[0], "to": seat[1], "body": body})
        return phone_id(seat)

    async def happen(self, request: web.Request) -> str:
        """Let something happen at a provider that it tells us of."""
        box, form = self._sandbox(request), await request.post()
        # A field that is left empty is what it is by default.
        said = {name.removeprefix(_FIELD): str(form[name]) for name in form if form[name]}
        await _let_happen(box, said)
        return f"happenings-{box.name}"

    async def add_phone(self, request: web.Request) -> str:
        """Put another telephone on the table."""
        box, form = self._sandbox(request), await request.post()
        panel = box.panel()
        if not isinstance(panel, Phones) or not panel.numbers:
            msg = f"{box.title} has no number of the business to write to."
            raise InvalidInput(msg)
        business = str(form.get("business", panel.numbers[0]))
        if business not in panel.numbers:
            msg = f"{business} is not a number of the business."
            raise InvalidInput(msg)
        seat = _read_number(str(form.get("number", ""))), business
        self._seats.add(box.name, seat)
        return phone_id(seat)

    async def turn(self, request: web.Request) -> str:
        """Switch a fault on or off."""
        box, form = self._sandbox(request), await request.post()
        name = form.get("on") or form.get("off")
        turn(
            box.faults,
            str(name),
            is_on="on" in form,
            count=_whole(form.get("count", "1"), "The number of calls", _MOST_CALLS),
            seconds=_whole(form.get("seconds", "5"), "The number of seconds", _MOST_SECONDS),
            spares_reading="reading" not in form,
        )
        return f"faults-{box.name}"

    async def all_off(self, _: web.Request) -> str:
        """Let every sandbox behave."""
        for box in self._sandboxes.values():
            box.faults.reset()
        return "faults"

    async def reset(self, _: web.Request) -> str:
        """Let every sandbox forget everything."""
        for box in self._sandboxes.values():
            await box.reset()
        self._seats.clear()
        return "phones"

    def _sandbox(self, request: web.Request) -> ProviderSandbox:
        box = self._sandboxes.get(request.match_info["name"])
        if box is None:
            raise web.HTTPNotFound
        return box

    def _live(self, part: str, problem: str | None = None) -> tuple[str, str]:
        """Give a part that changes by itself, and a digest by which a page says that it has it."""
        boxes = list(self._sandboxes.values())
        shown = fill(
            f"console_{part}.html",
            sandboxes=[show_sandbox(box, self._seats) for box in boxes],
            log=read_log(boxes),
            longest=_LONGEST_BODY,
        )
        digest = hashlib.sha256(shown.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        # What fill gives is escaped.
        inner = Markup(shown)  # noqa: S704
        live = fill("console_live.html", part=part, shown=inner, seen=digest, problem=problem)
        return digest, live

    async def _page(
        self,
        request: web.Request,
        problems: Mapping[str, str] = MappingProxyType({}),
        *,
        status: int = HTTPStatus.OK,
    ) -> web.Response:
        business = await self._find_business(request)
        parts = {
            part: Markup(self._live(part, problems.get(part))[1])  # noqa: S704 - likewise
            for part in (CLIENTS, INSIDE)
        }
        text = fill("console.html", signed_in=None, path="/", business=business, **parts)
        # Also while it is away: the frame is put in once it is there.
        return _html(text, status=status, frame_src=business.origin)

    async def _find_business(self, request: web.Request) -> Business:
        if self._http is None:
            return Business(url=self._host_url, reach=Reach.AWAY)
        return await find_business(self._http, self._host_url, console=request.url)


_REFUSED: Final = HTTPStatus.UNPROCESSABLE_ENTITY


def _html(text: str, *, status: int = HTTPStatus.OK, **policy: str) -> web.Response:
    headers = page_headers(**policy)
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


async def _let_happen(box: ProviderSandbox, fields: dict[str, Any]) -> None:
    """Let an event happen in the background, and wait a moment for what becomes of it.

    Raises:
        InvalidInput: the sandbox refuses it.
    """
    told: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def happen() -> None:
        try:
            await box.inbound(ControlBody(fields))
        except InvalidInput as error:
            if not told.done():
                told.set_exception(error)
        else:
            if not told.done():
                told.set_result(None)

    box.run_in_background(happen())
    await asyncio.wait([told], timeout=_PATIENCE_SECONDS)
    if told.done():
        told.result()


def _read_number(text: str) -> str:
    try:
        return to_e164(text)
    except InvalidInput as error:
        msg = f"{text or 'This'} is no number in international form, such as +1 415 555 0123."
        raise InvalidInput(msg) from error


def _whole(value: object, what: str, most: int) -> int:
    text = str(value).strip()
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= most):  # noqa: PLR2004 - before int
        msg = f"{what} must be from 1 to {most}."
        raise InvalidInput(msg)
    return int(text)


async def _read_file(request: web.Request) -> web.StreamResponse:
    response = await find_file(request, name=request.match_info["name"])
    if response is None:
        raise web.HTTPNotFound
    return response


async def _no_icon(_: web.Request) -> web.StreamResponse:
    return web.Response(status=HTTPStatus.NO_CONTENT)
