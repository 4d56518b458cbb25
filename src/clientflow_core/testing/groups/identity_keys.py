"""The issuer's keys: kept, and asked for again when a new one is named, but not all the time."""

from typing import Any, Final

from clientflow_core.errors import ProviderUnavailable
from clientflow_core.sandbox import Answer
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.identity import (
    IdentityChecks,
    Parts,
    recognized,
    require_refused,
)
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.stage import Stage

_MANY: Final = 20
_MOST_CALLS: Final = 2


class IdentityKeyChecks(IdentityChecks):
    """What is asked of the issuer, and when."""

    @check("keys.are-kept", Tier.SILVER)
    async def test_keys_are_kept(self, stage: Stage) -> None:
        """Most tokens need no call: what the issuer has said of its keys is kept."""
        tokens = [self.token(stage) for _ in range(_MANY)]
        async with stage.provider() as provider:
            for token in tokens:
                await recognized(provider, token)
        seen = stage.sandbox.calls_seen
        assert seen <= _MOST_CALLS, f"{_MANY} tokens need {seen} calls"

    @check("keys.unknown-ones-ask-seldom", Tier.SILVER, is_ability=True)
    async def test_unknown_keys_ask_seldom(self, stage: Stage) -> None:
        """Whoever sends tokens with keys that are none cannot make us ask the issuer each time."""
        async with stage.provider() as provider:
            parts = await self._parts(provider, stage)
            before = stage.sandbox.calls_seen
            for count in range(_MANY):
                forged = parts.with_header(kid=f"nobody-{count}")
                await require_refused("an unknown key", provider, forged)
        asked = stage.sandbox.calls_seen - before
        assert asked <= _MOST_CALLS, f"{_MANY} tokens with unknown keys make {asked} calls"

    @check("keys.new-one-is-found", Tier.SILVER, is_ability=True)
    async def test_new_key_is_found(self, stage: Stage) -> None:
        """When the issuer begins to sign with a new key, its first token is believed."""
        async with stage.provider() as provider:
            await self._parts(provider, stage)
            self.change_key(stage)
            await recognized(provider, self.token(stage), "the first token of a new key")

    @check("keys.that-cannot-be-had-are-unavailable", Tier.BRONZE, is_ability=True)
    async def test_keys_that_cannot_be_had(self, stage: Stage) -> None:
        """Without the issuer's keys nobody is refused: ``ProviderUnavailable``, and later again."""
        async with stage.provider() as provider:
            await self._parts(provider, stage)
        token = self.token(stage)
        for answer in Answer:
            # That one waits, and is tried by verify.
            if answer is Answer.TIMEOUT:
                continue
            async with stage.provider() as provider:
                stage.go_wrong(answer)
                error = await _error_of(provider, token)
                stage.behave()
                about = f"keys that cannot be had ({answer.value})"
                is_right = isinstance(error, ProviderUnavailable)
                assert is_right, f"{about}: {error!r}, and must be ProviderUnavailable"
                await recognized(provider, token, "a token, once the keys can be had again,")

    async def _parts(self, provider: Any, stage: Stage) -> Parts:
        """Give a token taken apart, of an issuer whose keys are asked for."""
        before = stage.sandbox.calls_seen
        token = self.token(stage)
        await recognized(provider, token)
        parts = Parts(token)
        if stage.sandbox.calls_seen == before or "kid" not in parts.header:
            leave_out(NotSupported("it asks for no keys"))
        return parts


async def _error_of(provider: Any, token: Any) -> Exception | None:
    try:
        await provider.authenticate(token)
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        return error
    return None
