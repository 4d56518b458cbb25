"""Telephone numbers, in the one form in which they are kept: E.164."""

import re
from typing import Final

from clientflow_core.errors import FieldError, InvalidInput

# phonenumbers looks for a number anywhere in the text and drops the rest: "whatsapp:", a name.
_BEGINS_WITH_PLUS: Final = re.compile(r"[^\w+]*[+\uff0b]")


def to_e164(text: str, *, field: str = "/phone") -> str:
    """Read a telephone number in international form and write it as E.164.

    Args:
        text: such as ``+1 (555) 010-0100``; a number without ``+`` and country is refused, since
            guessing the country sends texts to strangers. So is an extension, which no text
            reaches.
        field: where the value stands, for the error.

    Raises:
        InvalidInput: it is not a telephone number in international form.
    """
    written = _write(text)
    if written is None:
        detail = "give a telephone number in international form, such as +15550100100"
        msg = "not a telephone number"
        raise InvalidInput(msg, [FieldError(field, detail)])
    return written


def country_of(number: str) -> str | None:
    """Tell in which country a number in E.164 is: two letters as in ISO 3166, if it can be told."""
    # Only here, as below.
    import phonenumbers  # noqa: PLC0415

    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return None


def _write(text: str) -> str | None:
    # Only here: what it knows of the world's numbers takes its time to load.
    import phonenumbers  # noqa: PLC0415

    if not _BEGINS_WITH_PLUS.match(text):
        return None
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    # Not is_valid_number: that wants a range that is in use, and the numbers of examples are not.
    # Not is_possible_number: that takes a number which only its own town can dial.
    length = phonenumbers.is_possible_number_with_reason(number)
    is_whole = length == phonenumbers.ValidationResult.IS_POSSIBLE and not number.extension
    if not is_whole:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
