"""The server's XML."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final
from xml.sax.saxutils import escape

from aiohttp import web

from clientflow_plugins.caldav.sandbox.collections import Refused

_NAMESPACES: Final = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
_PREFIXES: Final = {"DAV:": "D", "urn:ietf:params:xml:ns:caldav": "C"}


def answer_of(href: str, asked: Iterable[str], known: Mapping[str, str]) -> str:
    """Give a resource's answer: those of its properties that were *asked* for, and what is missing.

    Args:
        href: where it is.
        asked: names of properties as ``{namespace}name``.
        known: what it has, by ``D:name`` or ``C:name``, as XML.
    """
    found, missing = "", ""
    for name in map(short_name, asked):
        if name in known:
            found += f"<{name}>{known[name]}</{name}>"
        else:
            missing += f"<{name}/>"
    parts = [_propstat(found, HTTPStatus.OK)] if found else []
    parts += [_propstat(missing, HTTPStatus.NOT_FOUND)] if missing else []
    return f"<D:response><D:href>{escape(href)}</D:href>{''.join(parts)}</D:response>"


def status_of(href: str, status: HTTPStatus) -> str:
    """Give the answer about a resource of which there is nothing but a status."""
    line = _status(status)
    return f"<D:response><D:href>{escape(href)}</D:href>{line}</D:response>"


def multistatus(answers: Iterable[str], *, sync_token: str | None = None) -> web.Response:
    """Give the answer about several resources."""
    token = f"<D:sync-token>{escape(sync_token)}</D:sync-token>" if sync_token else ""
    return _xml(f"<D:multistatus {_NAMESPACES}>{''.join(answers)}{token}</D:multistatus>", 207)


def refusal(refused: Refused) -> web.Response:
    """Say no, and why where the protocol has a name for it."""
    if refused.condition is None:
        return web.Response(status=refused.status, text=HTTPStatus(refused.status).phrase)
    return _xml(f"<D:error {_NAMESPACES}><{refused.condition}/></D:error>", refused.status)


def short_name(name: str) -> str:
    """Give ``D:name`` for ``{DAV:}name``.

    Raises:
        Refused: it is of none of the two namespaces.
    """
    namespace, _, local = name.removeprefix("{").partition("}")
    if namespace not in _PREFIXES:
        raise Refused(HTTPStatus.BAD_REQUEST)
    return f"{_PREFIXES[namespace]}:{local}"


def _propstat(inner: str, status: HTTPStatus) -> str:
    return f"<D:propstat><D:prop>{inner}</D:prop>{_status(status)}</D:propstat>"


def _status(status: HTTPStatus) -> str:
    return f"<D:status>HTTP/1.1 {status.value} {status.phrase}</D:status>"


def _xml(text: str, status: int) -> web.Response:
    head = '<?xml version="1.0" encoding="utf-8"?>'
    return web.Response(
        status=status, body=(head + text).encode(), content_type="application/xml", charset="utf-8"
    )
