"""Amounts of money, in whole numbers."""

from collections.abc import Mapping
from typing import Any, Final

import attrs
from typing_extensions import override

# How many digits of an amount are behind the point, by ISO 4217, where they are not two:
# https://www.six-group.com/en/products-services/financial-information/data-standards.html
_PLACES: Final[Mapping[int, str]] = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
}


def _is_whole(_: object, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    if type(value) is not int:
        msg = f"the {attribute.name} of an amount is a whole number, not {value!r}"
        raise TypeError(msg)


@attrs.frozen(kw_only=True)
class Money:
    """An amount of one currency; as a text it is for people, such as ``19.00 USD``.

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

    @override
    def __str__(self) -> str:
        places = next((few for few, those in _PLACES.items() if self.currency in those), 2)
        digits = str(abs(self.minor)).rjust(places + 1, "0")
        whole, part = digits[: len(digits) - places], digits[len(digits) - places :]
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{whole}{'.' + part if part else ''} {self.currency}"
