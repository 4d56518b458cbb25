"""Two accounts at the same provider: each organization may have its own."""

import asyncio
import re
from typing import Any, Final

from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.stage import Stage

_REFUSED: Final = frozenset({401, 403, 404})
# Of a path: what is the name of one thing among many, such as an id.
_NAME: Final = re.compile(r"[^/]*[0-9@%][^/]*|[^/]{16,}")


class AccountChecks(Conformance):
    """Nothing of one account is in the way of another."""

    @check("tenancy.accounts-do-not-mix", Tier.SILVER, is_outside=True)
    async def test_accounts_do_not_mix(self, stage: Stage) -> None:
        """Opened for two accounts at once, each call goes to its own account, with its own key."""
        async with (
            stage.neighbor() as other,
            stage.provider() as ours,
            other.provider() as theirs,
        ):
            for _ in range(2):
                await self._both(ours, theirs)
            _require_apart(stage, other)

    @check("tenancy.nothing-is-kept-for-another", Tier.SILVER, is_outside=True)
    async def test_nothing_is_kept_for_another(self, stage: Stage) -> None:
        """What was asked for one account is asked anew for the next, of its own provider."""
        async with (
            stage.neighbor() as other,
            stage.provider() as ours,
            other.provider() as theirs,
        ):
            await self.use(ours, stage)
            await self.use(theirs, other)
            _require_apart(stage, other)
            missing = sorted(_asked(stage) - _asked(other))
        assert not missing, f"{missing[0]} is asked for the first account alone, and kept for all"

    async def _both(self, ours: Any, theirs: Any) -> None:
        try:
            await asyncio.gather(ours.verify(), theirs.verify())
        except Exception as error:
            msg = f"with two accounts open, verify raises {type(error).__name__}"
            raise AssertionError(msg) from error


def _require_apart(stage: Stage, other: Stage) -> None:
    calls = [*stage.sandbox.calls, *other.sandbox.calls]
    refused = [call for call in calls if call.status in _REFUSED]
    assert not refused, f"one account's call came with another's key: {refused[0].path}"
    assert stage.sandbox.calls_seen, "all calls went to the second account"
    assert other.sandbox.calls_seen, "all calls went to the first account"


def _asked(stage: Stage) -> set[str]:
    """Give what the sandbox was asked, without what tells one thing from the next."""
    base = f"/{stage.sandbox.name}"
    return {
        f"{call.method} {_NAME.sub('*', call.path.partition('?')[0].removeprefix(base))}"
        for call in list(stage.sandbox.calls)
    }
