"""Why a check does not count: said by a class, so that a summary can tell one from the other.

::

    class TestAcme(ChannelConformance):
        spec = ACME
        skips = {
            "delivery.reports-reach-their-message": NotSupported("Acme reports nothing"),
            "channel.too-long-is-refused": VendorBug("https://…/issues/7", "it cuts them off"),
        }
"""

from typing import TYPE_CHECKING, NoReturn

import attrs
import pytest
from typing_extensions import override


@attrs.frozen
class NotSupported:
    """The provider has no such ability. Taken for checks about an ability, not for duties.

    Attributes:
        reason: one sentence.
    """

    reason: str = attrs.field(validator=attrs.validators.min_len(1))

    @override
    def __str__(self) -> str:
        return f"NotSupported: {self.reason}"


@attrs.frozen
class Planned:
    """It is not written yet; the tier waits for it.

    Attributes:
        reason: one sentence.
    """

    reason: str = attrs.field(validator=attrs.validators.min_len(1))

    @override
    def __str__(self) -> str:
        return f"Planned: {self.reason}"


@attrs.frozen
class VendorBug:
    """The provider itself does it wrong, where everybody can read so.

    Attributes:
        link: where.
        reason: one sentence.
    """

    link: str = attrs.field(validator=attrs.validators.matches_re(r"https?://\S+"))
    reason: str = attrs.field(validator=attrs.validators.min_len(1))

    @override
    def __str__(self) -> str:
        return f"VendorBug: {self.reason} ({self.link})"


@attrs.frozen
class LocalProvider:
    """Nobody stands behind the provider; said by the kit of checks about whoever does."""

    @override
    def __str__(self) -> str:
        return "LocalProvider: no outside provider stands behind it"


if TYPE_CHECKING:
    _PytestSkipped = BaseException
else:
    # An attribute of what a type checker takes for a value.
    _PytestSkipped = pytest.skip.Exception

Skip = NotSupported | Planned | VendorBug


class Skipped(_PytestSkipped):
    """A check is left out for a reason that the kit knows.

    Attributes:
        skip: the reason.
    """

    def __init__(self, skip: Skip | LocalProvider) -> None:
        super().__init__(str(skip))
        self.skip = skip


def leave_out(skip: Skip | LocalProvider) -> NoReturn:
    """End the check that is running, for *skip*.

    Raises:
        Skipped: always.
    """
    raise Skipped(skip)
