"""Two accounts at the same provider: each organization may have its own."""

import asyncio
from typing import Any

from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.sandbox_thread import SandboxThread
from clientflow_core.testing.stage import Stage


class AccountChecks(Conformance):
    """Nothing of one account is in the way of another."""

    @check("tenancy.accounts-do-not-mix", Tier.SILVER, is_outside=True)
    async def test_accounts_do_not_mix(self, stage: Stage) -> None:
        """Opened for two accounts at once, each call goes to its own account, with its own key."""
        with SandboxThread(self.sandbox_class()) as other:
            theirs = other.sandbox.settings()
            async with stage.provider() as ours, stage.provider(theirs) as another:
                for _ in range(2):
                    await self._both(ours, another)
            seen = stage.sandbox.calls_seen, other.sandbox.calls_seen
            refused = [
                call
                for sandbox in (stage.sandbox, other.sandbox)
                for call in sandbox.calls
                if call.status in {401, 403, 404}
            ]
        assert not refused, f"one account's call came with another's key: {refused[0].path}"
        assert seen[0], "all calls went to the second account"
        assert seen[1], "all calls went to the first account"

    async def _both(self, ours: Any, theirs: Any) -> None:
        try:
            await asyncio.gather(ours.verify(), theirs.verify())
        except Exception as error:
            msg = f"with two accounts open, verify raises {type(error).__name__}"
            raise AssertionError(msg) from error
