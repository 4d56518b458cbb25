"""What a CalDAV server answers: who has which properties, and what has changed."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit
from xml.etree.ElementTree import Element

import attrs

from clientflow_plugins.caldav.bodies import CALDAV, DAV
from clientflow_plugins.caldav.xml_reading import BadXml, read_xml

_STATUS: Final = re.compile(r"HTTP/[0-9.]+ ([1-5][0-9]{2})\b")
_MAY_WRITE: Final = frozenset({"all", "write", "write-content", "bind"})


@attrs.frozen
class Resource:
    """One of the resources of an answer.

    Attributes:
        path: where it is, each of its parts quoted in the same way.
        status: what the server says of it; 200 where it says nothing.
        properties: those that it has, by their names ``{namespace}name``.
    """

    path: str
    status: int
    properties: Mapping[str, Element]

    def text(self, name: str) -> str:
        """Give the text of a property; empty where there is none."""
        found = self.properties.get(name)
        return ("" if found is None else found.text or "").strip()

    def href_in(self, name: str) -> str | None:
        """Give the address that a property holds, if it holds one."""
        found = self.properties.get(name)
        href = None if found is None else found.find(_dav("href"))
        return None if href is None else (href.text or "").strip() or None


@attrs.frozen
class Multistatus:
    """An answer about several resources.

    Attributes:
        sync_token: up to where an answer about changes goes; empty in others.
    """

    resources: Sequence[Resource]
    sync_token: str


def read_multistatus(body: bytes, *, path: str) -> Multistatus:
    """Read an answer.

    Args:
        body: of the answer.
        path: what was asked, from which relative addresses begin.

    Raises:
        BadXml: it is none.
    """
    root = read_xml(body)
    if root.tag != _dav("multistatus"):
        msg = f"it is a {root.tag}, and no multistatus"
        raise BadXml(msg)
    found = [_read_resource(one, path) for one in root.iterfind(_dav("response"))]
    return Multistatus(found, (root.findtext(_dav("sync-token")) or "").strip())


def read_condition(body: bytes) -> str | None:
    """Give which condition a refusal says was not met, without its namespace; None if it does not.

    RFC 4918, 16: the body is an ``error`` with an element for it.
    """
    try:
        root = read_xml(body)
    except BadXml:
        return None
    if root.tag != _dav("error") or not len(root):
        return None
    return root[0].tag.rpartition("}")[2]


def path_of(href: str, *, base: str) -> str:
    """Give the path of an address, in the one way in which we write it.

    Servers differ in what they quote, and one may differ from itself.
    """
    path = urlsplit(urljoin(base, href)).path
    return "/".join(
        quote(unquote(part, errors="surrogateescape"), safe="", errors="surrogateescape")
        for part in path.split("/")
    )


def name_in(collection: str, path: str) -> str | None:
    """Give the name that *path* has in *collection*; None if it is not right in it."""
    name = path.removeprefix(collection)
    return name if path.startswith(collection) and name and "/" not in name else None


def is_event_calendar(resource: Resource) -> bool:
    """Whether it is a calendar that may hold events."""
    kind = resource.properties.get(_dav("resourcetype"))
    if kind is None or kind.find(_caldav("calendar")) is None:
        return False
    supported = resource.properties.get(_caldav("supported-calendar-component-set"))
    names = [] if supported is None else [one.get("name") for one in supported]
    return not names or "VEVENT" in names


def is_writable(resource: Resource) -> bool:
    """Whether we may write to it; a server that does not say is tried."""
    granted = resource.properties.get(_dav("current-user-privilege-set"))
    if granted is None:
        return True
    names = {one.tag.rpartition("}")[2] for privilege in granted for one in privilege}
    return bool(names & _MAY_WRITE)


def _read_resource(response: Element, base: str) -> Resource:
    href = (response.findtext(_dav("href")) or "").strip()
    if not href:
        msg = "a resource has no address"
        raise BadXml(msg)
    properties: dict[str, Element] = {}
    for propstat in response.iterfind(_dav("propstat")):
        prop = propstat.find(_dav("prop"))
        if prop is not None and _read_status(propstat) == HTTPStatus.OK:
            properties |= {one.tag: one for one in prop}
    return Resource(path_of(href, base=base), _read_status(response), properties)


def _read_status(element: Element) -> int:
    text = element.findtext(_dav("status"))
    if text is None:
        return HTTPStatus.OK
    found = _STATUS.match(text.strip())
    if found is None:
        msg = f"{text[:40]!r} is no status"
        raise BadXml(msg)
    return int(found[1])


def _dav(name: str) -> str:
    return f"{{{DAV}}}{name}"


def _caldav(name: str) -> str:
    return f"{{{CALDAV}}}{name}"
