"""A check of the kit: an ordinary test with an id that never changes, and a tier."""

import enum
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from clientflow_core.testing.skips import LocalProvider, NotSupported, leave_out

if TYPE_CHECKING:
    from clientflow_core.testing.conformance import Conformance

C = TypeVar("C", bound="Conformance")

# Under which a test method holds its check; the plugin of pytest looks for it.
CHECK: Final = "__conformance_check__"


class Tier(enum.StrEnum):
    """How far a provider is proven; each tier asks for all of those before it."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    PLATINUM = "platinum"


@attrs.frozen(kw_only=True)
class Check:
    """One thing that a provider proves.

    Attributes:
        id: ``group.what-is-claimed``; never changes once published.
        tier: the first that asks for it.
        is_ability: whether a provider may do without, and say so by :class:`NotSupported`.
        is_outside: whether it is about who stands behind a provider, and so not for a local one.
        meaning: one sentence.
        test: the name of the method.
    """

    id: str = attrs.field(validator=attrs.validators.matches_re(r"[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*"))
    tier: Tier
    is_ability: bool
    is_outside: bool
    meaning: str
    test: str

    @property
    def group(self) -> str:
        """What it is about."""
        return self.id.partition(".")[0]


def check(
    check_id: str, tier: Tier, *, is_ability: bool = False, is_outside: bool = False
) -> Callable[[Callable[..., Any]], Callable[["Conformance"], None]]:
    """Make a method of a :class:`Conformance` a check.

    One that is ``async`` is given the :class:`Stage` on which everything stands ready, and is run
    here, so that no other plugin has to know how.

    Args:
        check_id: see :attr:`Check.id`.
        tier: the first that asks for it.
        is_ability: whether a provider may do without.
        is_outside: whether a local provider, behind which nobody stands, is left out.
    """

    def decorate(method: Callable[..., Any]) -> Callable[["Conformance"], None]:
        made = Check(
            id=check_id,
            tier=tier,
            is_ability=is_ability,
            is_outside=is_outside,
            meaning=" ".join((inspect.getdoc(method) or "").partition("\n\n")[0].split()),
            test=method.__name__,
        )

        def run(self: "Conformance") -> None:
            _heed_skip(self, made)
            if not inspect.iscoroutinefunction(method):
                method(self)
                return
            with self.stage() as stage:
                stage.run(method(self, stage))

        # Not functools.wraps: pytest would take the arguments of the method for fixtures.
        run.__name__, run.__qualname__ = method.__name__, method.__qualname__
        run.__module__, run.__doc__ = method.__module__, method.__doc__
        setattr(run, CHECK, made)
        return run

    return decorate


def _heed_skip(suite: "Conformance", made: Check) -> None:
    if made.is_outside and suite.spec.is_local:
        leave_out(LocalProvider())
    skip = suite.skips.get(made.id)
    if skip is None:
        return
    is_duty = isinstance(skip, NotSupported) and not made.is_ability
    assert not is_duty, f"{made.id} is a duty, not an ability: no provider may do without"
    leave_out(skip)


def checks_of(suite: type) -> dict[str, Check]:
    """Give the checks of *suite* by their ids, in the order in which they are written."""
    methods: dict[str, Any] = {}
    for parent in suite.__mro__:
        methods = methods | {k: v for k, v in vars(parent).items() if k not in methods}
    found = [getattr(method, CHECK, None) for method in methods.values()]
    return {one.id: one for one in found if isinstance(one, Check)}
