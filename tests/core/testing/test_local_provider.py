"""The kit for a provider behind which nobody stands: what is about an outside one is left out."""

import contextlib
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import attrs
import pytest
from typing_extensions import override

from clientflow_core.domain.assistance import (
    Assistance,
    AssistanceRequest,
    TextDelta,
    TokenUsage,
)
from clientflow_core.errors import ProviderCannot, ProviderRefused
from clientflow_core.providers.assistant import AssistantProvider
from clientflow_core.providers.spec import ProviderContext, ProviderKind, ProviderSpec
from clientflow_core.settings import setting
from clientflow_core.testing import (
    AssistantConformance,
    LocalProvider,
    LocalSandbox,
    checks_of,
)
from clientflow_core.testing.results import SKIPPED, Finding
from clientflow_core.testing.skips import Skipped
from tests.scaffolds import failures, runnable_checks

pytestmark = pytest.mark.usefixtures("short")

WITHOUT_END: Final = "Answer this without an end."
REFUSED: Final = "Refuse to answer this."


@attrs.frozen(kw_only=True)
class ParrotSettings:
    voice: str = setting(env="PARROT_VOICE", help="its voice", example="hoarse")


@attrs.frozen
class Parrot(AssistantProvider):
    """Says what was said, from memory alone."""

    settings: ParrotSettings

    @override
    async def verify(self) -> str:
        return f"a {self.settings.voice} parrot"

    @override
    async def complete(self, request: AssistanceRequest) -> Assistance:
        (answer,) = [one async for one in self.stream(request) if isinstance(one, Assistance)]
        return answer

    @override
    async def stream(self, request: AssistanceRequest) -> AsyncIterator[TextDelta | Assistance]:
        said = request.conversation[-1].text
        if said == REFUSED:
            raise ProviderRefused("it bites")
        if request.schema is not None:
            raise ProviderCannot("a parrot knows no schema")
        words = said.split() * (100 if said == WITHOUT_END else 1)
        text = " ".join(words[: request.most_output_tokens])
        yield TextDelta(text=text)
        count = len(text.split())
        usage = TokenUsage(input_tokens=len(said.split()), output_tokens=count)
        yield Assistance(text=text, usage=usage, model="parrot", is_whole=count == len(words))


@contextlib.asynccontextmanager
async def open_parrot(_: ProviderContext, settings: ParrotSettings) -> AsyncIterator[Parrot]:
    yield Parrot(settings)


def settings_of_parrot() -> Mapping[str, str]:
    return {"PARROT_VOICE": "hoarse"}


PARROT: ProviderSpec[ParrotSettings, AssistantProvider] = ProviderSpec(
    kind=ProviderKind.ASSISTANT,
    name="parrot",
    title="Parrot",
    settings=ParrotSettings,
    open=open_parrot,
    local_settings=settings_of_parrot,
)


class Suite(AssistantConformance):
    __test__ = False
    spec = PARROT
    module = __name__


def test_local_provider_passes_every_check_that_is_about_itself() -> None:
    assert failures(Suite, runnable_checks(Suite)) == {}


@pytest.mark.parametrize(
    "check_id", ["errors.reading-says-unavailable", "sandbox.forgets", "assistant.asks-once"]
)
def test_check_about_an_outside_provider_is_left_out_and_counts(check_id: str) -> None:
    check = checks_of(Suite)[check_id]
    with pytest.raises(Skipped, match="no outside provider stands behind it") as left_out:
        getattr(Suite(), check.test)()
    skip = type(left_out.value.skip).__name__
    assert skip == LocalProvider.__name__
    assert Finding(check=check, outcome=SKIPPED, skip=skip).counts


def test_what_is_kept_is_the_state_of_the_stage_until_it_is_reset() -> None:
    with Suite().stage() as stage:
        assert isinstance(stage.sandbox, LocalSandbox)
        stage.run(_keep(stage))
        (kept,) = stage.state()["records"].values()
        assert kept == {"words": {"first": "hello"}}
        stage.server.finish(stage.sandbox.reset)
        assert stage.state() == {"records": {}}


async def _keep(stage: Any) -> None:
    context = await stage.context()
    await context.records.of(uuid.UUID(int=1)).put("words", "first", "hello")
