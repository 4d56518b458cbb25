"""Amounts of money, in whole numbers."""

from typing import Any

import attrs


def _is_whole(_: object, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    if type(value) is not int:
        msg = f"the {attribute.name} of an amount is a whole number, not {value!r}"
        raise TypeError(msg)


@attrs.frozen(kw_only=True)
class Money:
    """An amount of one currency.

    Attributes:
        minor: in the currency's smallest unit: cents, whole yen, thousandths of a dinar; below
            zero for what is owed to the client.
        currency: its code of ISO 4217, three capital letters.

    Raises:
        TypeError: *minor* is no int.
        ValueError: *currency* is no such code.
    """

    minor: int = attrs.field(validator=_is_whole)
    currency: str = attrs.field(validator=attrs.validators.matches_re(r"[A-Z]{3}"))
