"""E-mail addresses, in the one form in which they are kept: small letters, nothing around them."""

from typing import Final

from clientflow_core.errors import FieldError, InvalidInput

LONGEST_ADDRESS: Final = 254


def to_email_address(text: str, *, field: str = "/email") -> str:
    """Read an e-mail address and write it in small letters.

    Whole providers ignore the case of the part before the at sign, and a client who is written
    once as ``Ada@`` and once as ``ada@`` is one client.

    Args:
        text: such as ``ada@example.com``; a name or anything else around the address is refused,
            and so is whatever could end a line of a header.
        field: where the value stands, for the error.

    Raises:
        InvalidInput: it is not an e-mail address.
    """
    written = _write(text)
    if written is None:
        msg = "not an e-mail address"
        raise InvalidInput(msg, [FieldError(field, "give an address such as ada@example.com")])
    return written


def is_email_address(text: str) -> bool:
    """Tell whether *text* is an e-mail address and nothing else."""
    return _write(text) is not None


def _write(text: str) -> str | None:
    # Only here: what it knows of names of hosts takes its time to load.
    import email_validator  # noqa: PLC0415

    if len(text) > LONGEST_ADDRESS or not text.isprintable():
        return None
    try:
        # Nobody asks the DNS in here; test, localhost and their like are told by who delivers.
        found = email_validator.validate_email(
            text, check_deliverability=False, test_environment=True
        )
    except email_validator.EmailNotValidError:
        return None
    return found.normalized.lower()
