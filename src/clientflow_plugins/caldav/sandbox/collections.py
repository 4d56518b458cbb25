"""What the server keeps: calendars, what is in them, and which change was when."""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs

ZONE: Final = "Europe/Berlin"
# Small, so that whoever asks has to go on to what was cut off.
MOST_CHANGES: Final = 6


@attrs.frozen
class Refused(Exception):
    """A call is refused, as the protocol says it.

    Attributes:
        condition: the one that is not met: ``D:`` or ``C:`` and its name; None where none is named.
    """

    status: int
    condition: str | None = None


@attrs.define(kw_only=True)
class Resource:
    """A resource, or that there was one.

    Attributes:
        changed: the number of the change that made it what it is.
        uid: of its event.
    """

    data: bytes
    uid: str
    changed: int
    is_removed: bool = False

    @property
    def etag(self) -> str:
        """Name this version of it."""
        digest = hashlib.sha256(self.data + str(self.changed).encode()).hexdigest()[:24]
        return f'"{digest}"'


@attrs.define(kw_only=True)
class Collection:
    """A calendar.

    Attributes:
        changes: how many there were.
    """

    title: str
    is_writable: bool
    resources: dict[str, Resource] = attrs.field(factory=dict)
    changes: int = 0

    def find(self, name: str) -> Resource:
        """Give what is there."""
        found = self.resources.get(name)
        if found is None or found.is_removed:
            raise Refused(HTTPStatus.NOT_FOUND)
        return found

    def there(self) -> Mapping[str, Resource]:
        """Give everything that is there."""
        return {name: one for name, one in self.resources.items() if not one.is_removed}

    def put(self, name: str, data: bytes, *, uid: str) -> Resource:
        """Put a resource, in place of what was there."""
        for other, one in self.there().items():
            if one.uid == uid and other != name:
                raise Refused(HTTPStatus.CONFLICT, "C:no-uid-conflict")
        self.changes += 1
        self.resources[name] = Resource(data=data, uid=uid, changed=self.changes)
        return self.resources[name]

    def remove(self, name: str) -> None:
        """Take a resource out."""
        found = self.find(name)
        self.changes += 1
        found.is_removed, found.changed = True, self.changes

    def since(self, place: int) -> tuple[Mapping[str, Resource], int, bool]:
        """Give a part of what has changed, up to where it goes, and whether there is more."""
        later = sorted(
            (one.changed, name) for name, one in self.resources.items() if one.changed > place
        )
        if not place:
            # Who begins has nothing that could be taken out.
            later = [one for one in later if not self.resources[one[1]].is_removed]
        part = later[:MOST_CHANGES]
        is_cut_off = len(later) > len(part)
        end = part[-1][0] if is_cut_off else self.changes
        return {name: self.resources[name] for _, name in part}, end, is_cut_off

    def state(self) -> dict[str, Any]:
        """Give it as JSON."""
        events = {name: one.data.decode() for name, one in self.there().items()}
        return {"title": self.title, "events": events}


def new_collections() -> dict[str, Collection]:
    """Give what an account begins with: one calendar to write to and one to read."""
    return {
        "appointments": Collection(title="Appointments", is_writable=True),
        "holidays": Collection(title="Holidays", is_writable=False),
    }
