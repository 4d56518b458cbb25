"""How thorough a run is. The plugin of pytest sets it; nothing but the standard library in here."""

import random
from typing import Final

QUICK: Final = "quick"
FULL: Final = "full"
# How many examples each property is tried with.
EXAMPLES: Final = {QUICK: 25, FULL: 200}
# The quick one is the same every time, so that it passes for everybody or for nobody.
_QUICK_SEED: Final = 0


class Profile:
    """How many examples, and from which seed.

    Attributes:
        name: ``quick`` or ``full``.
        examples: how many each property is tried with.
        seed: what makes the same examples again.
        shrinks: whether the simplest example that fails is looked for.
    """

    __slots__ = ("examples", "name", "seed", "shrinks")

    def __init__(self, name: str = QUICK, *, seed: int | None = None) -> None:
        self.name = name
        self.examples = EXAMPLES[name]
        self.seed = new_seed(name) if seed is None else seed
        self.shrinks = True


def new_seed(name: str) -> int:
    """Choose a seed for the profile *name*: another each time, but for the quick one."""
    return _QUICK_SEED if name == QUICK else random.SystemRandom().randrange(2**32)


_current = Profile()


def current_profile() -> Profile:
    """Give the profile of this run."""
    return _current


def set_profile(profile: Profile) -> Profile:
    """Make *profile* the one of this run; give the one before."""
    global _current
    before, _current = _current, profile
    return before
