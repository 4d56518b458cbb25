"""Abilities: what is declared is there, and what is there is declared."""

from clientflow_core.providers.interfaces import abilities_of, proven_capabilities
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.stage import Stage


class CapabilityChecks(Conformance):
    """The flags of the spec against the Protocols of the object."""

    @check("capabilities.declared-are-there", Tier.BRONZE)
    async def test_declared_capabilities_are_there(self, stage: Stage) -> None:
        """For each capability that the spec declares, the provider has the methods."""
        async with stage.provider() as provider:
            missing = self.spec.capabilities - proven_capabilities(self.spec.kind, provider)
        named = {one: abilities_of(self.spec.kind).get(one) for one in sorted(missing)}
        words = [
            f"{one} asks for {ability.__name__}" if ability else f"{one} is not for this kind"
            for one, ability in named.items()
        ]
        assert not words, f"the spec declares what the provider has not: {', '.join(words)}"

    @check("capabilities.there-are-declared", Tier.BRONZE)
    async def test_capabilities_that_are_there_are_declared(self, stage: Stage) -> None:
        """For each set of methods that the provider has, the spec declares the capability."""
        async with stage.provider() as provider:
            silent = proven_capabilities(self.spec.kind, provider) - self.spec.capabilities
        assert not silent, f"declare in the spec, or nobody uses it: {', '.join(sorted(silent))}"
