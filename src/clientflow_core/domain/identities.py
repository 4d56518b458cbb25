"""Who somebody is, as an outside issuer says."""

import datetime as dt
import enum

import attrs


class Assurance(enum.StrEnum):
    """How sure the issuer is: by one factor, or by two and more."""

    SINGLE_FACTOR = "single_factor"
    MULTI_FACTOR = "multi_factor"


@attrs.frozen(kw_only=True)
class Identity:
    """A person that an issuer has recognized.

    Attributes:
        issuer: who says so.
        subject: the issuer's name for the person, which stays; nothing else identifies them.
        email: may change, and may be somebody else's next year.
        session: the issuer's name for the session, by which it can be ended.
        expires_at: until when to believe it, aware.
    """

    issuer: str
    subject: str
    expires_at: dt.datetime
    email: str | None = None
    is_email_verified: bool = False
    session: str | None = None
    assurance: Assurance = Assurance.SINGLE_FACTOR
