"""Templates to responses, under a policy that allows our own files and nothing else."""

import hashlib
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_host.middleware.sessions import SIGNED_IN

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"
PAGE_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # For browsers that do not know frame-ancestors.
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


def render(
    request: web.Request,
    template: str,
    *,
    status: int = HTTPStatus.OK,
    **context: Any,
) -> web.Response:
    """Give the page that *template* makes of *context*, and of who is signed in."""
    page = _environment.get_template(template)
    text = page.render(signed_in=request.get(SIGNED_IN), path=request.path, **context)
    return web.Response(text=text, status=status, content_type="text/html", headers=PAGE_HEADERS)


@cache
def static_url(name: str) -> str:
    """Give the address of one of our files; it changes with what is in the file."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{digest}/{name}"


def _initials(text: str) -> str:
    words = [word for word in text.split() if word[:1].isalpha()]
    return "".join(word[0] for word in words[:2]).upper() or "#"


_environment: Final = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_environment.globals["static_url"] = static_url
_environment.filters["initials"] = _initials
_environment.filters["conversation_id"] = lambda id_: to_public_id(IdPrefix.CONVERSATION, id_)
_environment.filters["contact_id"] = lambda id_: to_public_id(IdPrefix.CONTACT, id_)
_environment.filters["message_id"] = lambda id_: to_public_id(IdPrefix.MESSAGE, id_)
