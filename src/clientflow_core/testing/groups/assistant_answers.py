"""What an assistant is asked, what it answers, and what that takes."""

import decimal
import json
from typing import Any, Final

from clientflow_core.domain.assistance import Assistance, AssistanceRequest, TokenUsage
from clientflow_core.errors import (
    AuthFailed,
    ProviderCannot,
    ProviderRefused,
    ProviderUnavailable,
    RejectedInput,
)
from clientflow_core.sandbox import Answer
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.assistant import (
    ASKING,
    FEW_TOKENS,
    INSTRUCTIONS,
    SCHEMA,
    WORDS,
    AssistantChecks,
    complete,
    done,
    error_of,
    listen,
)
from clientflow_core.testing.groups.sandbox import strings_in
from clientflow_core.testing.samples import happen
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.stage import Stage
from clientflow_core.testing.strategies import texts

_LONGEST: Final = 400
_END_USER: Final = "user-5a1b0c"


class AssistantAnswerChecks(AssistantChecks):
    """An answer as a whole."""

    @check("assistant.answer-is-whole", Tier.BRONZE)
    async def test_answer_is_whole(self, stage: Stage) -> None:
        """An answer has words, says which model gave it, and that nothing was cut off."""
        async with stage.provider() as provider:
            for name, found in await self._answers(provider, self.request()):
                assert found.text.strip(), f"{name} gives no words"
                assert found.model.strip(), f"{name} names no model"
                assert found.is_whole, f"{name}: an answer that was not cut off is called so"
                assert found.data is None, f"{name} gives data where no schema was asked for"

    @check("assistant.usage-is-counted", Tier.BRONZE)
    async def test_usage_is_counted(self, stage: Stage) -> None:
        """Every answer says what it took, in tokens; more words take more."""
        async with stage.provider() as provider:
            few = await self._answers(provider, self.request())
            many = await self._answers(provider, self.request(" ".join([WORDS] * 20)))
        for (name, short), (_, long) in zip(few, many, strict=True):
            for usage in (short.usage, long.usage):
                _check_usage(usage, name)
            assert short.usage.input_tokens < long.usage.input_tokens, (
                f"{name} counts {long.usage.input_tokens} tokens for twenty times as many words "
                f"as those that it counts {short.usage.input_tokens} for"
            )

    @check("assistant.words-arrive-as-written", Tier.BRONZE, is_outside=True)
    def test_words_arrive_as_written(self) -> None:
        """What was said arrives letter by letter, in every script, in its order."""
        with self.stage() as stage:
            opened = stage.provider()
            provider = stage.run(opened.__aenter__())

            def arrives(words: str) -> None:
                stage.server.finish(stage.sandbox.reset)
                request = self.request(words)
                stage.run(complete(provider, request))
                held = strings_in(stage.state())
                said = [one.text for one in request.conversation]
                found = [one for one in held if one in set(said)]
                assert found == said, f"said was {said!r}; of it the sandbox's state() has {found}"

            self.hold(texts(longest=_LONGEST), arrives)
            stage.run(opened.__aexit__(None, None, None))

    @check("assistant.instructions-stay-apart", Tier.BRONZE, is_outside=True)
    async def test_instructions_stay_apart(self, stage: Stage) -> None:
        """Our instructions and a client's words never are one text, which would obey the client."""
        async with stage.provider() as provider:
            for _ in await self._answers(provider, self.request()):
                held = strings_in(stage.state())
                told = [one for one in held if INSTRUCTIONS in one]
                assert told, "the instructions are not in the sandbox's state()"
                mixed = [one for one in told if WORDS in one]
                assert not mixed, f"instructions and a client's words are one text: {mixed[0]!r}"

    @check("assistant.end-user-is-told", Tier.SILVER, is_ability=True, is_outside=True)
    async def test_end_user_is_told(self, stage: Stage) -> None:
        """What stands for the person behind a question reaches the provider, where there is one."""
        async with stage.provider() as provider:
            await self._answers(provider, self.request(end_user=_END_USER))
            count = strings_in(stage.state()).count(_END_USER)
        assert count, "end_user is not in the sandbox's state()"

    @check("assistant.cut-off-is-told", Tier.BRONZE)
    async def test_cut_off_is_told(self, stage: Stage) -> None:
        """An answer that reaches ``most_output_tokens`` is not whole, and has no data."""
        request = self.request(self.endless_words, most_output_tokens=FEW_TOKENS)
        async with stage.provider() as provider:
            for name, found in await self._answers(provider, request):
                assert not found.is_whole, (
                    f"{name} calls an answer whole that was cut off after {FEW_TOKENS} tokens "
                    f"({self.endless_words!r})"
                )
                took = found.usage.output_tokens
                assert took <= FEW_TOKENS, f"{name} took {took} tokens, and may take {FEW_TOKENS}"
            await self._require_schema(provider, stage)
            asked = self.request(self.endless_words, most_output_tokens=FEW_TOKENS, schema=SCHEMA)
            for name, found in await self._answers(provider, asked):
                is_told = not found.is_whole and found.data is None
                assert is_told, f"{name} gives {found.data!r} out of half of a JSON text"

    @check("assistant.refusal-is-refused", Tier.BRONZE)
    async def test_refusal_is_refused(self, stage: Stage) -> None:
        """What the provider will not answer raises ``ProviderRefused``; it is no answer."""
        async with stage.provider() as provider:
            for schema in (None, SCHEMA):
                for name, ask in ASKING:
                    error = await error_of(
                        ask(provider, self.request(self.refused_words, schema=schema))
                    )
                    if schema is not None and isinstance(error, ProviderCannot):
                        continue
                    about = f"{name} and {self.refused_words!r}"
                    assert error is not None, f"{about}: no error; it must be ProviderRefused"
                    # Neither our credentials nor a value in the wrong form.
                    is_plain = isinstance(error, ProviderRefused) and not isinstance(
                        error, (AuthFailed, RejectedInput)
                    )
                    assert is_plain, f"{about}: {type(error).__name__} is raised"

    @check("assistant.data-fits-its-schema", Tier.BRONZE, is_ability=True)
    async def test_data_fits_its_schema(self, stage: Stage) -> None:
        """Asked for a schema, ``data`` is what the text says, and fits."""
        async with stage.provider() as provider:
            await self._require_schema(provider, stage)
            for name, found in await self._answers(provider, self.request(schema=SCHEMA)):
                said = _read(found.text)
                assert found.data is not None, f"{name} gives no data"
                assert found.data == said, f"{name} gives {found.data!r}; its text says {said!r}"
                assert _fits(found.data), f"{name} gives {found.data!r}, against the schema"

    @check("assistant.unfit-answer-is-unavailable", Tier.BRONZE, is_ability=True)
    async def test_unfit_answer_is_unavailable(self, stage: Stage) -> None:
        """An answer that does not fit its schema raises ``ProviderUnavailable``: ask again."""
        async with stage.provider() as provider:
            await self._require_schema(provider, stage)
            for name, ask in ASKING:
                request = self.request(self.unfit_words, schema=SCHEMA)
                error = await error_of(ask(provider, request))
                about = f"{name} and an answer that does not fit"
                assert error is not None, f"{about}: no error; it must be ProviderUnavailable"
                is_right = isinstance(error, ProviderUnavailable)
                assert is_right, f"{about}: {type(error).__name__}, not ProviderUnavailable"

    @check("assistant.no-money-is-not-too-fast", Tier.BRONZE, is_outside=True)
    async def test_no_money_is_not_too_fast(self, stage: Stage) -> None:
        """An account without money raises ``AuthFailed``: to wait and ask again would not help."""
        async with stage.provider() as provider:
            happen(self, stage, self._name_of_quota(stage))
            for name, ask in ASKING:
                error = await error_of(ask(provider, self.request()))
                about = f"{name} of an account without money"
                assert error is not None, f"{about}: no error; it must be AuthFailed"
                is_right = isinstance(error, AuthFailed)
                assert is_right, f"{about}: {type(error).__name__}, not AuthFailed"

    @check("assistant.asks-once", Tier.BRONZE, is_outside=True)
    async def test_asks_once(self, stage: Stage) -> None:
        """When the answer is lost, nothing is asked, and paid for, again: the core decides that."""
        async with stage.provider() as provider:
            await provider.verify()
            for answer in (Answer.CUT_AFTER_ACCEPTANCE, Answer.INTERNAL_ERROR, Answer.RATE_LIMITED):
                for name, ask in ASKING:
                    before = stage.sandbox.calls_seen
                    stage.go_wrong(answer)
                    await error_of(ask(provider, self.request()))
                    stage.behave()
                    count = stage.sandbox.calls_seen - before
                    assert count <= 1, f"{name} and {answer.value}: it is asked {count} times"

    async def _answers(
        self, provider: Any, request: AssistanceRequest
    ) -> list[tuple[str, Assistance]]:
        streamed = await done("stream", listen(provider, request))
        return [("complete", await complete(provider, request)), ("stream", streamed[1])]

    async def _require_schema(self, provider: Any, stage: Stage) -> None:
        before = stage.sandbox.calls_seen
        error = await error_of(provider.complete(self.request(schema=SCHEMA)))
        if isinstance(error, ProviderCannot):
            assert stage.sandbox.calls_seen == before, "it cannot hold to a schema, and asks anyway"
            leave_out(NotSupported("it cannot hold to a schema"))
        if error is not None:
            msg = f"a question with a schema raises {type(error).__name__}: {error}"
            raise AssertionError(msg) from error

    def _name_of_quota(self, stage: Stage) -> str:
        names = [event.name for event in stage.server.call(stage.sandbox.events)]
        name = self.quota_event or next((one for one in names if "quota" in one), None)
        assert name, "the sandbox has no event by which the account has no money left"
        return name


def _check_usage(usage: Any, name: str) -> None:
    assert isinstance(usage, TokenUsage), f"the usage of {name} is {usage!r}"
    assert usage.input_tokens > 0, f"{name} says that the question took no tokens"
    assert usage.output_tokens > 0, f"{name} says that the answer took no tokens"
    is_part = 0 <= usage.cached_input_tokens <= usage.input_tokens
    assert is_part, f"{name}: {usage.cached_input_tokens} cached of {usage.input_tokens} tokens"
    cost: Any = usage.cost_usd
    is_cost = cost is None or (isinstance(cost, decimal.Decimal) and cost >= 0)
    assert is_cost, f"{name} says that it has cost {cost!r}"


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        msg = f"the text of an answer with a schema is no JSON: {text[:80]!r}"
        raise AssertionError(msg) from error


def _fits(data: Any) -> bool:
    if not isinstance(data, dict) or data.keys() != {"topic", "is_urgent"}:
        return False
    return type(data["topic"]) is str and type(data["is_urgent"]) is bool
