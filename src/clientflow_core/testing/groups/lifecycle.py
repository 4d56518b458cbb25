"""Opening, asking whether the credentials work, and closing."""

import asyncio
import gc
from typing import Any, Final

import aiohttp

from clientflow_core.errors import AuthFailed
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.credentials import with_wrong_secrets
from clientflow_core.testing.holdings import Holdings
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.stage import Stage

_ROUNDS: Final = 20
_WARMING_ROUNDS: Final = 3
_AWAITS: Final = 12
_PATIENCE_SECONDS: Final = 5.0


class LifecycleChecks(Conformance):
    """From ``open`` to the end."""

    @check("lifecycle.verify-names-the-account", Tier.BRONZE)
    async def test_verify_names_the_account(self, stage: Stage) -> None:
        """``verify`` gives a name when the credentials are good, and changes nothing."""
        before = stage.state()
        async with stage.provider() as provider:
            name = await provider.verify()
        assert isinstance(name, str), f"verify gives {type(name).__name__}, not a name"
        assert name.strip(), "verify gives an empty name"
        assert stage.state() == before, "verify has changed something at the provider"

    @check("lifecycle.verify-refuses-wrong-credentials", Tier.BRONZE, is_outside=True)
    async def test_verify_refuses_wrong_credentials(self, stage: Stage) -> None:
        """``verify`` raises ``AuthFailed`` when the credentials are wrong."""
        secrets = stage.secrets()
        if not secrets and not self.wrong_values:
            leave_out(NotSupported("no setting is secret, and wrong_values is not set"))
        values = with_wrong_secrets(stage.values, secrets, self.wrong_values)
        try:
            async with stage.provider(values) as provider:
                name = await provider.verify()
        except AuthFailed:
            return
        except Exception as error:
            msg = f"wrong credentials raise {type(error).__name__}, not AuthFailed"
            raise AssertionError(msg) from error
        msg = f"verify says {name!r} to wrong credentials: it must ask the provider"
        raise AssertionError(msg)

    @check("lifecycle.leaves-the-session-open", Tier.BRONZE)
    async def test_leaves_the_session_open(self, stage: Stage) -> None:
        """The shared HTTP session is lent: it is open when the provider has been closed."""
        session = (await stage.context()).http
        async with stage.provider() as provider:
            await provider.verify()
        assert not session.closed, "the provider has closed the session that all share"

    @check("lifecycle.leaves-nothing-behind", Tier.BRONZE)
    async def test_leaves_nothing_behind(self, stage: Stage) -> None:
        """Opened and closed many times, it leaves no task, thread, socket or session behind."""
        known = {id(one) for one in _open_sessions()}
        for _ in range(_WARMING_ROUNDS):
            await self._open_and_use(stage)
        before = Holdings()
        for _ in range(_ROUNDS):
            await self._open_and_use(stage)
        # What was told to end has its turn.
        for _ in range(_AWAITS):
            await asyncio.sleep(0)
        left = Holdings().more_than(before)
        assert not left, f"after {_ROUNDS} times of opening and closing there are more {left}"
        known.add(id((await stage.context()).http))
        others = [one for one in _open_sessions() if id(one) not in known]
        assert not others, "it leaves an aiohttp.ClientSession open: use that of the context"
        gc.collect()
        troubles = [one for one in stage.loop.troubles if "Unclosed" in one or "never" in one]
        assert not troubles, f"it leaves something to be found later: {troubles[0]}"

    @check("lifecycle.can-be-cancelled", Tier.SILVER)
    async def test_can_be_cancelled(self, stage: Stage) -> None:
        """Cancelled at any of its first awaits, it ends as cancelled, and leaves nothing."""
        for steps in range(_AWAITS):
            before = asyncio.all_tasks()
            task = asyncio.create_task(self._open_and_use(stage))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)
            assert task.done(), f"cancelled after {steps} steps, it goes on"
            error = None if task.cancelled() else task.exception()
            assert error is None, f"cancelled after {steps} steps, it raises {error!r} instead"
            await asyncio.sleep(0)
            left = [one for one in asyncio.all_tasks() - before if not one.done()]
            assert not left, f"cancelled after {steps} steps, it leaves a task: {left[0]!r}"
        await self._open_and_use(stage)

    async def _open_and_use(self, stage: Stage) -> None:
        async with stage.provider() as provider:
            await provider.verify()


def _open_sessions() -> list[Any]:
    found = [one for one in gc.get_objects() if type(one) is aiohttp.ClientSession]
    return [one for one in found if not one.closed]
