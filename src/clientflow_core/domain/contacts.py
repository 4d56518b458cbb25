"""The clients of a business, and where they can be reached."""

import datetime as dt
import enum
import uuid

import attrs


class ContactPointKind(enum.StrEnum):
    """What sort of address it is."""

    PHONE = "phone"
    EMAIL = "email"


@attrs.frozen(kw_only=True)
class ContactPoint:
    """One address of a contact, in its one written form (E.164, or small letters)."""

    id: uuid.UUID
    contact_id: uuid.UUID
    kind: ContactPointKind
    value: str


@attrs.frozen(kw_only=True)
class Contact:
    """A client; one who was never given a name has none."""

    id: uuid.UUID
    name: str | None
    created_at: dt.datetime
    points: tuple[ContactPoint, ...] = ()
