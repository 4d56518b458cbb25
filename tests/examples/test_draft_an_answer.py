"""``draft_an_answer.py``, in this process: against OpenAI's sandbox, and by rules alone."""

import runpy
import sys
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp.test_utils import TestServer

from clientflow_core.sandbox import build_sandbox_app
from clientflow_plugins.openai.sandbox import OpenAISandbox
from tests.examples.conftest import EXAMPLES

ASKED = "Is Thursday at three still free?"
Draft = Callable[..., object]


@pytest.fixture
async def openai() -> AsyncIterator[OpenAISandbox]:
    made = OpenAISandbox(
        base_url="http://not-yet",
        host_url="http://nobody",
        credentials=OpenAISandbox.new_credentials(),
        step_seconds=0.0,
    )
    async with TestServer(build_sandbox_app([made])) as server:
        made.base_url = str(server.make_url("/openai"))
        yield made


async def test_an_answer_is_drafted_word_by_word(
    openai: OpenAISandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in openai.settings().items():
        monkeypatch.setenv(name, value)
    example = runpy.run_path(str(EXAMPLES / "draft_an_answer.py"))
    answer = await example["draft"](ASKED, assistant="openai")
    assert ASKED in answer.text
    assert capsys.readouterr().out == answer.text
    (body,) = openai.state()["requests"]
    assert (body["instructions"], body["stream"]) == (example["INSTRUCTIONS"], True)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["draft_an_answer.py", *arguments])
    runpy.run_path(str(EXAMPLES / "draft_an_answer.py"), run_name="__main__")


def test_it_needs_no_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_ASSISTANT_BUSINESS", "Salon Ada")
    run(monkeypatch, "--assistant", "local_assistant", ASKED)
    out = capsys.readouterr().out
    assert f"“{ASKED}”" in out
    assert "rules-1: " in out
    assert "cost 0 US dollars" in out


def test_what_is_missing_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(SystemExit, match="OPENAI_API_KEY: is not set"):
        run(monkeypatch, ASKED)
