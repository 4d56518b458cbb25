"""``clientflow checklist --fix``: what is red becomes green if a person says yes."""

import io
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Final
from unittest import mock

import pytest

from tests.core.registry.conftest import Install, install
from tests.host.cli.conftest import Call, call

__all__ = ["call", "install"]

BODY: Final = """
from pathlib import Path
from clientflow_core import *

SETTINGS = settings_class("form")
MARK = Path("{mark}")

async def check(context):
    if MARK.exists():
        return CheckResult(status="passed", found="the mark", expected="a mark")
    return CheckResult(
        status="failed", found="no mark", expected="a mark", hint="set it at the form"
    )

async def good(context):
    MARK.touch()
    return f"The mark is set, with {context.settings(SETTINGS).key.reveal()}."

async def refusing(context):
    raise ProviderRefused(f"the form takes no {context.settings(SETTINGS).port}")

async def faulty(context):
    raise ValueError(f"the key is {context.settings(SETTINGS).key.reveal()}")

async def useless(context):
    return "Nothing happened."

class Form(Hooks):
    @hookimpl
    def clientflow_settings(self):
        return [SETTINGS]

    @hookimpl
    def clientflow_checks(self):
        return [
            CheckSpec(
                id="form-mark", title="The form has its mark", run=check,
                fix={fix}, fix_title={title},
            )
        ]

plugin = Form()
"""
VALUES: Final = {"FORM_KEY": "top secret", "FORM_PORT": "7"}


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """What is there once it is mended."""
    return tmp_path / "mark"


def put(install: Install, mark: Path, fix: str) -> None:
    """Install the plugin ``form``, whose one check is mended by the function *fix* of it."""
    title = None if fix == "None" else "Set the mark"
    body = BODY.replace("{mark}", str(mark)).replace("{fix}", fix)
    install("form", body=body.replace("{title}", repr(title or "")))


def offered(call: Call, answer: str) -> CompletedProcess[str]:
    """Run it with ``--fix``, where somebody types *answer*."""
    with mock.patch.object(sys, "stdin", io.StringIO(answer)):
        return call("checklist", "--only", "form-mark", "--fix", **VALUES)


def test_yes_mends_it_and_it_is_looked_at_again(install: Install, call: Call, mark: Path) -> None:
    put(install, mark, "good")
    red = call("checklist", "--only", "form-mark", **VALUES)
    assert red.returncode == 1
    assert "set it at the form" in red.stdout
    shown = offered(call, "y\n")
    assert shown.returncode == 0, shown.stderr
    assert "form-mark The form has its mark: no mark" in shown.stderr
    assert "Set the mark?" in shown.stderr
    assert "The mark is set, with [hidden]." in shown.stderr
    assert "found: the mark" in shown.stdout
    assert "top secret" not in shown.stdout + shown.stderr
    assert call("checklist", "--only", "form-mark", **VALUES).returncode == 0


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_no_or_nothing_leaves_it_as_it_is(
    install: Install, call: Call, mark: Path, answer: str
) -> None:
    put(install, mark, "good")
    shown = offered(call, answer)
    assert shown.returncode == 1
    assert "set it at the form" in shown.stdout
    assert not mark.exists()


def test_without_somebody_who_answers_nothing_is_mended(
    install: Install, call: Call, mark: Path
) -> None:
    put(install, mark, "good")
    shown = offered(call, "")
    assert shown.returncode == 1
    assert "Nobody answers: nothing is done." in shown.stderr
    assert not mark.exists()


@pytest.mark.parametrize(
    ("fix", "words"),
    [
        ("refusing", "It could not be done: the form takes no 7"),
        ("faulty", "It could not be done: ValueError: the key is [hidden]"),
    ],
)
def test_fix_that_fails_says_so_and_the_item_stays_red(
    install: Install, call: Call, mark: Path, fix: str, words: str
) -> None:
    put(install, mark, fix)
    shown = offered(call, "y\n")
    assert shown.returncode == 1
    assert words in shown.stderr
    assert "Traceback" not in shown.stderr
    assert "top secret" not in shown.stdout + shown.stderr
    assert "found: no mark" in shown.stdout


def test_fix_that_mends_nothing_leaves_the_item_red(
    install: Install, call: Call, mark: Path
) -> None:
    put(install, mark, "useless")
    shown = offered(call, "y\n")
    assert shown.returncode == 1
    assert "Nothing happened." in shown.stderr
    assert "found: no mark" in shown.stdout


def test_what_is_green_or_has_no_fix_is_not_asked_about(
    install: Install, call: Call, mark: Path
) -> None:
    put(install, mark, "None")
    shown = offered(call, "y\n")
    assert (shown.returncode, "Set the mark?" in shown.stderr) == (1, False)
    mark.touch()
    assert offered(call, "y\n").returncode == 0


def test_fix_is_not_offered_unless_it_is_asked_for(
    install: Install, call: Call, mark: Path
) -> None:
    put(install, mark, "good")
    with mock.patch.object(sys, "stdin", io.StringIO("y\n")):
        shown = call("checklist", "--only", "form-mark", **VALUES)
    assert "Set the mark?" not in shown.stdout + shown.stderr
    assert not mark.exists()
