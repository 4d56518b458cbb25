"""The services that follow calendars, with a provider that does as a test tells it."""

from collections.abc import Iterable

import pytest

from clientflow_core.persistence.database import Database
from clientflow_core.providers.spec import AnySpec
from clientflow_core.registry.registry import ProviderRegistry
from tests.conftest import Business
from tests.core.services.calendars.almanac import Almanac, CalendarStage, almanac_spec
from tests.core.services.conftest import Door, StandingClock
from tests.databases import Addresses


@pytest.fixture
def almanac() -> Almanac:
    """The provider."""
    return Almanac()


@pytest.fixture
def specs(almanac: Almanac) -> Iterable[AnySpec]:
    """The almanac alone."""
    return [almanac_spec(almanac)]


@pytest.fixture
def stage(  # noqa: PLR0917 - fixtures, by their names
    addresses: Addresses,
    database: Database,
    business: Business,
    registry: ProviderRegistry,
    clock: StandingClock,
    door: Door,
    almanac: Almanac,
) -> CalendarStage:
    """Everything together."""
    made = CalendarStage(addresses, database, business, registry, clock, door.url, almanac=almanac)
    door.stage = made
    return made
