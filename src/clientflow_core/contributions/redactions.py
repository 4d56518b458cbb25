"""What must not stand in any log."""

import re
from typing import Any

import attrs

from clientflow_core.contributions.checking import is_name


def _to_pattern(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    return re.compile(pattern)


def _matches_something(_: object, __: "attrs.Attribute[Any]", value: re.Pattern[str]) -> None:
    if value.match(""):
        msg = f"the pattern {value.pattern!r} matches nothing at all, so it would everywhere"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class RedactionRule:
    """Takes what a pattern matches out of every line of the log, in every process.

    Attributes:
        name: lower case; stands in the place of what was taken out.
        pattern: searched for in each value of a line. It sees every line: keep it plain, since one
            that backtracks much holds up the process.
    """

    name: str = attrs.field(validator=is_name)
    pattern: re.Pattern[str] = attrs.field(converter=_to_pattern, validator=_matches_something)

    def apply(self, text: str) -> str:
        """Give *text* without what it should not hold."""
        return self.pattern.sub(f"({self.name} left out)", text)
