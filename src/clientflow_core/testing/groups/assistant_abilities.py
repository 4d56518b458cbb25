"""Vectors and verdicts, of assistants that give them."""

import math
from collections.abc import Sequence
from typing import Any, Final

from clientflow_core.domain.assistance import ModerationVerdict
from clientflow_core.providers.spec import Capability
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.assistant import WORDS, AssistantChecks, done
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.stage import Stage

_TEXTS: Final = (WORDS, "Danke, bis morgen!", "ありがとう", "A receipt, please. " * 40)
_NEAR: Final = 1e-4


class AssistantAbilityChecks(AssistantChecks):
    """Several texts at once."""

    @check("embeddings.one-each-in-order", Tier.SILVER, is_ability=True)
    async def test_one_vector_each_in_order(self, stage: Stage) -> None:
        """Each text has a vector, of one length for all, at its place."""
        self._require(Capability.EMBEDDINGS)
        async with stage.provider() as provider:
            vectors = await _vectors(provider, _TEXTS)
            turned = await _vectors(provider, _TEXTS[::-1])
            alone = [(await _vectors(provider, [one]))[0] for one in _TEXTS]
        lengths = {len(one) for one in (*vectors, *turned)}
        assert len(lengths) == 1, f"the vectors have the lengths {sorted(lengths)}"
        for place, text in enumerate(_TEXTS):
            is_same = all(
                _are_near(one, vectors[place]) for one in (turned[-1 - place], alone[place])
            )
            assert is_same, f"the vector of {text[:30]!r} is not the one at its place"

    @check("embeddings.none-of-nothing", Tier.SILVER, is_ability=True)
    async def test_no_vectors_of_nothing(self, stage: Stage) -> None:
        """No texts have no vectors; that needs no call."""
        self._require(Capability.EMBEDDINGS)
        async with stage.provider() as provider:
            found = await done("embed of no texts", provider.embed([]))
        assert list(found) == [], f"embed of no texts gives {found!r}"

    @check("moderation.verdict-each-in-order", Tier.SILVER, is_ability=True)
    async def test_verdict_each_in_order(self, stage: Stage) -> None:
        """Each text has a verdict at its place, and what is flagged says why."""
        self._require(Capability.MODERATION)
        given = [WORDS, self.flagged_words, _TEXTS[1]]
        async with stage.provider() as provider:
            found: Any = await done("moderate", provider.moderate(given))
            nothing = await done("moderate of no texts", provider.moderate([]))
        strange = [one for one in found if not isinstance(one, ModerationVerdict)]
        assert not strange, f"moderate gives {strange[:1]!r}"
        flags = [one.is_flagged for one in found]
        assert flags == [False, True, False], f"{given!r} are flagged as {flags}"
        assert found[1].categories, "what is flagged has no categories"
        assert list(nothing) == [], f"moderate of no texts gives {nothing!r}"

    def _require(self, capability: Capability) -> None:
        if capability not in self.spec.capabilities:
            leave_out(NotSupported(f"the spec does not declare {capability}"))


async def _vectors(provider: Any, given: Sequence[str]) -> list[Sequence[float]]:
    found = list(await done("embed", provider.embed(given)))
    assert len(found) == len(given), f"{len(given)} texts have {len(found)} vectors"
    for one in found:
        is_good = len(one) > 0 and all(math.isfinite(number) for number in one)
        assert is_good, "a vector is empty, or has what is no number"
    return found


def _are_near(one: Sequence[float], other: Sequence[float]) -> bool:
    # A provider's arithmetic may differ from call to call.
    return all(math.isclose(a, b, abs_tol=_NEAR) for a, b in zip(one, other, strict=True))
