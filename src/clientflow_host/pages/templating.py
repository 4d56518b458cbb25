"""Templates, our own files, and the policy that allows a page those files and nothing else."""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from clientflow_core.ids import IdPrefix, to_public_id

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"
NOBODY: Final = "'none'"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_POLICY: Final[Mapping[str, str]] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": NOBODY,
}


def page_headers(**changes: str) -> dict[str, str]:
    """Give the headers of a page.

    Args:
        changes: directives of the policy that are other than usual, with ``_`` for ``-``.
    """
    policy = {**_POLICY, **{name.replace("_", "-"): value for name, value in changes.items()}}
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    if policy["frame-ancestors"] == NOBODY:
        # For browsers that do not know frame-ancestors.
        headers["X-Frame-Options"] = "DENY"
    return headers


def fill(template: str, **context: Any) -> str:
    """Give the text that *template* makes of *context*."""
    return _environment().get_template(template).render(**context)


@cache
def static_url(name: str) -> str:
    """Give the address of one of our files; it changes with what is in the file."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{digest}/{name}"


def find_file(path: str, *, name: str) -> web.FileResponse | None:
    """Give one of our own files, which a browser may keep for ever; None if there is none.

    Args:
        path: what was asked for; must be its :func:`static_url`.
        name: the last part of it.
    """
    file = STATIC / name
    if file.parent != STATIC or not file.is_file() or static_url(name) != path:
        return None
    headers = {
        "Content-Type": _TYPES[file.suffix],
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    return web.FileResponse(file, headers=headers)


def _initials(text: str) -> str:
    words = [word for word in text.split() if word[:1].isalpha()]
    return "".join(word[0] for word in words[:2]).upper() or "#"


@cache
def _environment() -> "Environment":
    """Make what fills the templates, for the first page: a process that shows none needs it not."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.globals["static_url"] = static_url
    made.filters["initials"] = _initials
    made.filters["conversation_id"] = lambda id_: to_public_id(IdPrefix.CONVERSATION, id_)
    made.filters["contact_id"] = lambda id_: to_public_id(IdPrefix.CONTACT, id_)
    made.filters["calendar_id"] = lambda id_: to_public_id(IdPrefix.CALENDAR, id_)
    made.filters["attachment_id"] = lambda id_: to_public_id(IdPrefix.ATTACHMENT, id_)
    made.filters["message_id"] = lambda id_: to_public_id(IdPrefix.MESSAGE, id_)
    return made
