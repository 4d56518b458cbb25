"""The kit itself: a good provider passes, and each broken one is caught by the right check."""

import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

import attrs
import pytest
from aiohttp import web
from typing_extensions import override

from clientflow_core.domain.messages import OutboundMessage, Receipt
from clientflow_core.errors import ProviderUnavailable
from clientflow_core.testing import ChannelConformance, checks_of
from tests import scaffolds
from tests.core.testing.heliograph.channel import HeliographChannel
from tests.core.testing.heliograph.sandbox import HeliographSandbox
from tests.core.testing.heliograph.spec import HELIOGRAPH, opening
from tests.core.testing.mutants import MUTANTS, Mutant

# They start interpreters, or look at what is installed: test_installed.py has them.
APART = ("import.", "packaging.", "manifest.equals-", "checks.")
CHECKS = {
    check_id: check
    for check_id, check in checks_of(ChannelConformance).items()
    if not check_id.startswith(APART)
}
# Each by every check takes minutes: `nox -s mutants` does.
TRIED_WHOLE = MUTANTS if os.environ.get("CLIENTFLOW_ALL_MUTANTS") else MUTANTS[::20]


pytestmark = pytest.mark.usefixtures("short")


def suite_of(mutant: Mutant) -> type[ChannelConformance]:
    changed: dict[str, Any] = {
        "spec": attrs.evolve(HELIOGRAPH, **mutant.changes),
        "module": "tests.core.testing.heliograph.spec",
        **mutant.attributes,
    }
    return type("TestMutant", (ChannelConformance,), changed)


def failures(suite: type[ChannelConformance]) -> dict[str, str]:
    """Run every check of *suite*; give what those say that fail."""
    return scaffolds.failures(suite, {one: check.test for one, check in CHECKS.items()})


def test_good_provider_passes_every_check() -> None:
    assert failures(suite_of(Mutant(name="good", breaks=""))) == {}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_broken_provider_is_caught_by_the_right_check(mutant: Mutant) -> None:
    tests = {one: CHECKS[one].test for one in (mutant.breaks, *mutant.also)}
    failed = scaffolds.failures(suite_of(mutant), tests)
    assert mutant.breaks in failed
    assert failed[mutant.breaks].startswith("AssertionError: ")


@pytest.mark.parametrize("mutant", TRIED_WHOLE, ids=lambda mutant: mutant.name)
def test_broken_provider_is_caught_by_no_other_check(mutant: Mutant) -> None:
    failed = failures(suite_of(mutant))
    assert failed.keys() <= {mutant.breaks, *mutant.also}, failed


class SendsByGet(HeliographChannel):
    """A change by a method that is meant for reading."""

    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        path = f"/v1/flash?{urlencode({'from': message.sender, 'to': message.recipient})}"
        flash = await self.call("GET", path, is_send=True)
        return self.receipt(flash)


class TakesByGet(HeliographSandbox):
    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        return [*super().api_routes(), web.get("/v1/flash", self.guarded(self._take))]

    async def _take(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._add({**request.query, "text": "yes"}))


class IsNeverSure(SendsByGet):
    @override
    def broken(self, error: Exception, *, is_send: bool) -> Exception:
        return ProviderUnavailable("no answer")


@pytest.mark.parametrize(("channel", "is_caught"), [(SendsByGet, False), (IsNeverSure, True)])
def test_change_by_a_method_for_reading_is_held_to_the_same(channel: type, is_caught: bool) -> None:
    changes = {"open": opening(channel)}
    mutant = Mutant(name="get", breaks="", changes=changes, attributes={"sandbox": TakesByGet})
    tests = {one: check.test for one, check in CHECKS.items() if one.startswith("errors.")}
    failed = scaffolds.failures(suite_of(mutant), tests)
    assert ("errors.cut-connection-is-unknown" in failed) is is_caught, failed


def test_every_check_has_a_broken_provider() -> None:
    assert CHECKS.keys() == {mutant.breaks for mutant in MUTANTS}
