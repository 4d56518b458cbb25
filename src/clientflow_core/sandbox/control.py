"""Bodies of the control surface, read strictly: a misspelt switch is refused, never ignored."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from clientflow_core.errors import FieldError, InvalidInput

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PROBLEM_TYPE: Final = "application/problem+json"
_TITLE: Final = "the control surface does not understand this"


class ControlBody:
    """Take the known fields out of *value*, then :meth:`finish`.

    Args:
        value: a decoded JSON value.
        pointer: where it stands in the whole body, as a JSON pointer.

    Raises:
        InvalidInput: *value* is no object. So do all methods, where a rule is broken.
    """

    def __init__(self, value: object, *, pointer: str = "") -> None:
        self._pointer = pointer
        if not isinstance(value, Mapping):
            raise self._broken(None, "must be an object")
        self._left: dict[str, Any] = dict(value)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def text(self, name: str, *, default: str | None = None, is_blank_allowed: bool = False) -> str:
        """Take a string; without *default* it must be there."""
        value = self._take(name, default)
        if not isinstance(value, str) or not (value.strip() or is_blank_allowed):
            raise self._broken(name, "must be a text that is not empty")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise self._broken(name, "holds half of a surrogate pair") from error
        return value

    def whole(
        self, name: str, *, minimum: int, maximum: int = 1_000_000, default: int | None = None
    ) -> int:
        """Take a whole number from *minimum* to *maximum*."""
        value = self._number(name, default)
        if isinstance(value, float) or not minimum <= value <= maximum:
            raise self._broken(name, f"must be a whole number from {minimum} to {maximum}")
        return value

    def seconds(self, name: str, *, default: float | None = None, maximum: float = 3600.0) -> float:
        """Take a number of seconds, 0 to *maximum*."""
        value = self._number(name, default)
        if not 0 <= value <= maximum:
            raise self._broken(name, f"must be from 0 to {maximum:g} seconds")
        return float(value)

    def flag(self, name: str, *, default: bool) -> bool:
        """Take true or false."""
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise self._broken(name, "must be true or false")
        return value

    def section(self, name: str) -> "ControlBody":
        """Take an object within; finish it on its own."""
        return ControlBody(self._take(name, None), pointer=f"{self._pointer}/{name}")

    def finish(self) -> None:
        """Refuse whatever was not taken."""
        if self._left:
            raise self._broken(min(self._left, key=str), "is not known here")

    def _take(self, name: str, default: object) -> Any:
        value = self._left.pop(name, default)
        if value is None:
            raise self._broken(name, "is missing")
        return value

    def _number(self, name: str, default: float | None) -> int | float:
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self._broken(name, "must be a number")
        return value

    def _broken(self, name: str | None, rule: str) -> InvalidInput:
        pointer = self._pointer + (_pointer(name) if name is not None else "")
        return InvalidInput(f"{pointer or 'the body'} {rule}", [FieldError(pointer, rule)])


async def read_control_body(request: web.Request) -> ControlBody:
    """Read the body of a control call.

    Raises:
        InvalidInput: it is not JSON, or no object.
    """
    if request.content_type != "application/json":
        msg = "send application/json"
        raise InvalidInput(msg)
    try:
        value = await request.json()
    except (ValueError, LookupError, RecursionError) as error:
        msg = "the body is not JSON"
        raise InvalidInput(msg) from error
    return ControlBody(value)


def answer_problems(handler: Handler) -> Handler:
    """Wrap *handler* so that :class:`InvalidInput` becomes a 422 in the form of RFC 9457.

    A change that another site asks the browser for is such a problem too.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            if request.method not in {"GET", "HEAD"}:
                refuse_other_site(request)
            return await handler(request)
        except InvalidInput as error:
            problem = {
                "title": _TITLE,
                "status": HTTPStatus.UNPROCESSABLE_ENTITY.value,
                "detail": str(error),
                "errors": [{"pointer": e.pointer, "detail": e.detail} for e in error.errors],
            }
            return web.json_response(
                problem, status=HTTPStatus.UNPROCESSABLE_ENTITY, content_type=PROBLEM_TYPE
            )

    return answer


def refuse_other_site(request: web.Request) -> None:
    """Refuse a change that the page of another site asks the browser for.

    Raises:
        InvalidInput: it is one.
    """
    # A browser sends a form, or nothing at all, to any site that a page names, without asking.
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        is_ours = site in {"same-origin", "none"}
    else:
        # Left out for plain HTTP outside of localhost. Second, since a proxy may change the host.
        is_ours = origin is None or origin.partition("://")[2] == request.host
    if not is_ours:
        msg = "this comes from another site"
        raise InvalidInput(msg)


def _pointer(name: str) -> str:
    # RFC 6901, section 3.
    return "/" + name.replace("~", "~0").replace("/", "~1")
