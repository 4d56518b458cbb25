"""What the checks of assistants stand on: questions, and how to ask them."""

from collections.abc import Awaitable, Callable, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar

from typing_extensions import override

from clientflow_core.domain.assistance import (
    Assistance,
    AssistanceRequest,
    Speaker,
    TextDelta,
    Utterance,
)
from clientflow_core.providers.spec import Capability
from clientflow_core.testing.calls import OrdinaryCall
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.stage import Stage

T = TypeVar("T")

INSTRUCTIONS: Final = "Say in a few words what the client wants."
WORDS: Final = "Could we move it to Thursday at three?"
# Each field is required and no other is allowed, as the strictest provider asks for.
SCHEMA: Final = MappingProxyType(
    {
        "type": "object",
        "properties": {"topic": {"type": "string"}, "is_urgent": {"type": "boolean"}},
        "required": ["topic", "is_urgent"],
        "additionalProperties": False,
    }
)
# No provider asks for more.
FEW_TOKENS: Final = 16


class AssistantChecks(Conformance):
    """An assistant of which is known what :class:`AssistantConformance` says."""

    refused_words: ClassVar[str] = "Refuse to answer this."
    unfit_words: ClassVar[str] = "Answer this in a form that nobody asked for."
    endless_words: ClassVar[str] = "Answer this without an end."
    flagged_words: ClassVar[str] = "Flag this."
    quota_event: ClassVar[str | None] = None

    def request(
        self,
        words: str = WORDS,
        *,
        schema: Any = None,
        most_output_tokens: int = 1024,
        end_user: str | None = None,
    ) -> AssistanceRequest:
        """Give a question of a client who says *words*, after something was said."""
        said = (
            Utterance(speaker=Speaker.USER, text="Good morning!"),
            Utterance(speaker=Speaker.ASSISTANT, text="How can we help?"),
            Utterance(speaker=Speaker.USER, text=words),
        )
        return AssistanceRequest(
            instructions=INSTRUCTIONS,
            conversation=said,
            schema=None if schema is None else dict(schema),
            most_output_tokens=most_output_tokens,
            end_user=end_user,
        )

    @override
    async def calls(self, provider: Any, stage: Stage) -> Sequence[OrdinaryCall]:
        """Complete, stream, and what else it is able to."""

        async def complete(asked: Any) -> None:
            await asked.complete(self.request())

        async def stream(asked: Any) -> None:
            await listen(asked, self.request())

        async def embed(asked: Any) -> None:
            await asked.embed([WORDS])

        async def moderate(asked: Any) -> None:
            await asked.moderate([WORDS])

        found = [complete, stream]
        if Capability.EMBEDDINGS in self.spec.capabilities:
            found.append(embed)
        if Capability.MODERATION in self.spec.capabilities:
            found.append(moderate)
        return [OrdinaryCall(name=one.__name__, ask=one, is_change=False) for one in found]


async def complete(provider: Any, request: AssistanceRequest) -> Assistance:
    """Give the whole answer to *request*."""
    return _checked(await done("complete", provider.complete(request)), "complete")


async def listen(provider: Any, request: AssistanceRequest) -> tuple[list[str], Assistance]:
    """Give the parts of the answer to *request* as they come, and the whole of it."""
    parts: list[Any] = [part async for part in provider.stream(request)]
    assert parts, "the stream gives nothing"
    strange = [one for one in parts[:-1] if not isinstance(one, TextDelta)]
    assert not strange, f"before its end the stream gives {strange[:1]!r}"
    return [one.text for one in parts[:-1]], _checked(parts[-1], "the end of the stream")


ASKING: Final[Sequence[tuple[str, Callable[[Any, AssistanceRequest], Awaitable[Any]]]]] = (
    ("complete", lambda provider, request: provider.complete(request)),
    ("stream", listen),
)


async def done(what: str, work: Awaitable[T]) -> T:
    """Await *work*, which nothing speaks against."""
    try:
        return await work
    except AssertionError:
        raise
    except Exception as error:
        msg = f"{what} raises {type(error).__name__}: {error}"
        raise AssertionError(msg) from error


async def error_of(work: Awaitable[Any]) -> Exception | None:
    """Give what *work* raises; None where it gives something."""
    try:
        await work
    except AssertionError:
        raise
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        return error
    return None


def _checked(answer: Any, what: str) -> Assistance:
    assert isinstance(answer, Assistance), f"{what} is {answer!r}, and must be an Assistance"
    return answer
