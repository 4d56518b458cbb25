"""Templates, and the policy that allows a page our own files and nothing else."""

import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_host.pages.assets import static_url

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE: Final = Path(__file__).parent
NOBODY: Final = "'none'"
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
    made.filters["job_id"] = lambda number: to_public_id(IdPrefix.JOB, uuid.UUID(int=number))
    made.filters["organization_id"] = lambda id_: to_public_id(IdPrefix.ORGANIZATION, id_)
    return made
