"""Roles, and on whose behalf something is done."""

import enum
import uuid
from typing import Final

import attrs


class Role(enum.StrEnum):
    """What somebody may do in an organization; each role may do all that the ones above it may.

    *public* is everybody, signed in or not.
    """

    PUBLIC = "public"
    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"
    OWNER = "owner"

    def includes(self, other: "Role") -> bool:
        """Tell whether who has this role may do what *other* may."""
        return _ORDER.index(self) >= _ORDER.index(other)


_ORDER: Final = tuple(Role)


@attrs.frozen(kw_only=True)
class Principal:
    """On whose behalf a request is made.

    Attributes:
        organization_id: the organization whose data is seen.
        role: what they may do there.
        api_key_id: the key that was shown, if it was a key.
        user_id: the person, if it is one.
        is_operator: they run the service, and may see what is of no organization.
    """

    organization_id: uuid.UUID
    role: Role
    api_key_id: uuid.UUID | None = None
    user_id: uuid.UUID | None = None
    is_operator: bool = False
