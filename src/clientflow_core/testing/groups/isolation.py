"""A provider is one of many in a process: it holds up nobody, and talks to nobody else."""

from typing import Any, Final

from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.stage import Stage
from clientflow_core.testing.watching import Watch, watching

_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1", "None"})


class IsolationChecks(Conformance):
    """What a provider does beside its work."""

    @check("isolation.blocks-no-loop", Tier.BRONZE)
    async def test_blocks_no_loop(self, stage: Stage) -> None:
        """No call waits on the thread of the loop: for a name, a connection, a while."""
        watch = await self._watch(stage)
        assert not watch.waits, f"the loop waits for {watch.waits[0]}: await it, or use a thread"

    @check("isolation.talks-to-its-provider-alone", Tier.BRONZE)
    async def test_talks_to_its_provider_alone(self, stage: Stage) -> None:
        """Every connection goes to the address that the settings name."""
        watch = await self._watch(stage)
        its_own = {stage.server.address, *stage.sandbox.listens_at()}
        elsewhere = [one for one in watch.connections if one[:2] not in its_own]
        assert not elsewhere, f"it connects to {elsewhere[0][0]}:{elsewhere[0][1]}"
        foreign = [name for name in watch.names if name not in _LOCAL_NAMES]
        assert not foreign, f"it asks where {foreign[0]} is"

    async def _watch(self, stage: Stage) -> Watch:
        with watching(silent_threads={stage.server.thread_id}) as watch:
            async with stage.provider() as provider:
                await provider.verify()
                await self._look_around(provider, stage)
        return watch

    async def _look_around(self, provider: Any, stage: Stage) -> None:
        await self.use(provider, stage)
