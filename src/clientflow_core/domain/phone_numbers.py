"""Telephone numbers, in the one form in which they are kept: E.164."""

import phonenumbers

from clientflow_core.errors import FieldError, InvalidInput


def to_e164(text: str, *, field: str = "/phone") -> str:
    """Read a telephone number in international form and write it as E.164.

    Args:
        text: such as ``+1 (555) 010-0100``; a number without ``+`` and country is refused, since
            guessing the country sends texts to strangers.
        field: where the value stands, for the error.

    Raises:
        InvalidInput: it is not a telephone number in international form.
    """
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        number = None
    # Not is_valid_number: that wants a range that is in use, and the numbers of examples are not.
    if number is None or not phonenumbers.is_possible_number(number):
        detail = "give a telephone number in international form, such as +15550100100"
        msg = "not a telephone number"
        raise InvalidInput(msg, [FieldError(field, detail)])
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
