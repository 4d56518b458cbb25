"""A few examples for each property of the kit, the same each time."""

from collections.abc import Iterator

import pytest

from clientflow_core.testing.profile import Profile, set_profile

EXAMPLES = 10


@pytest.fixture
def short() -> Iterator[None]:
    """The profile of the kit's own tests."""
    profile = Profile(seed=1)
    profile.examples, profile.shrinks = EXAMPLES, False
    before = set_profile(profile)
    yield
    set_profile(before)
