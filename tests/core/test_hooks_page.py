"""The page about the hooks says what the code does."""

import inspect
import re
from pathlib import Path
from typing import Final

import attrs
import pytest

from clientflow_core.contributions.checks import CheckSpec
from clientflow_core.contributions.commands import CommandSpec
from clientflow_core.contributions.drafts import SendPhase, SendStep
from clientflow_core.contributions.events import EventKind, EventListener
from clientflow_core.contributions.jobs import JobSpec, ScheduleSpec
from clientflow_core.contributions.pages import PageSpec
from clientflow_core.contributions.redactions import RedactionRule
from clientflow_core.contributions.routes import RouteSpec
from clientflow_core.contributions.routing import Router
from clientflow_core.contributions.webhooks import PluginWebhook
from clientflow_core.hookspecs import Hooks

PAGE: Final = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text("utf-8")
SPECS: Final = (
    PluginWebhook,
    RouteSpec,
    PageSpec,
    JobSpec,
    ScheduleSpec,
    EventListener,
    SendStep,
    Router,
    CommandSpec,
    CheckSpec,
    RedactionRule,
)


def rows() -> dict[str, tuple[str, str, str]]:
    """Give arguments, answer and time of each hook, as the page has them."""
    found = re.findall(r"^\| `(clientflow_\w+)` \|(.*?)\|(.*?)\|(.*?)\|$", PAGE, re.MULTILINE)
    return {name: (args.strip(), gives.strip(), when.strip()) for name, args, gives, when in found}


def plain(words: str) -> str:
    return " ".join(words.replace("`", "").split())


def test_page_lists_every_hook_in_the_order_of_the_code() -> None:
    assert list(rows()) == [name for name in vars(Hooks) if name.startswith("clientflow_")]


@pytest.mark.parametrize("name", [name for name in vars(Hooks) if name.startswith("clientflow_")])
def test_page_says_what_a_hook_takes_and_gives_and_when_it_is_called(name: str) -> None:
    hook = getattr(Hooks, name)
    arguments, gives, when = rows()[name]
    signature = inspect.signature(hook)
    taken = [f"`{one.name}: {one.annotation}`" for one in list(signature.parameters.values())[1:]]
    assert arguments == ", ".join(taken)
    assert gives == f"`{signature.return_annotation}`"
    assert plain(when) in plain(inspect.getdoc(hook) or "")


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.__name__)
def test_page_lists_the_arguments_of_each_description(spec: type[attrs.AttrsInstance]) -> None:
    names = [field.name for field in attrs.fields(spec) if field.init]
    listed = ", ".join(f"`{name}`" for name in names)
    assert f"`{spec.__name__}`: {listed}\n" in PAGE


def test_page_lists_every_kind_of_event_and_every_phase() -> None:
    for word in (*EventKind, *SendPhase):
        assert f"`{word}`" in PAGE
