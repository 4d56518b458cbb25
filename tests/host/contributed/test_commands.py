"""``clientflow x``: commands that plugins bring, and that nobody imports before they are run."""

import sys
from pathlib import Path

import pytest

from tests.host.cli.conftest import Call, call
from tests.host.contributed.conftest import HEAD

__all__ = ["call"]

COMMANDS = (
    HEAD
    + """
class Acme(Hooks):
    @hookimpl
    def clientflow_commands(self):
        return [
            CommandSpec(name="greet", help="Greet somebody.", target="acme_commands:greet"),
            CommandSpec(name="later", help="Wait first.", target="acme_commands:later"),
            CommandSpec(name="lost", help="Is not there.", target="acme_lost:run"),
        ]

plugin = Acme()
"""
)
CODE = '''
import sys

async def later(seconds: float = 0) -> int:
    """Wait."""
    return 7

def greet(name: str, *, loudly: bool = False) -> None:
    """Greet somebody.

    Args:
        name: whom.
    """
    print(name.upper() if loudly else name)
'''


@pytest.fixture
def body() -> str:
    """The code of the plugin."""
    return COMMANDS


@pytest.fixture(autouse=True)
def code(installed: None, tmp_path: Path) -> None:
    """The code of the commands, in a module beside the plugin's."""
    (tmp_path / "acme-dist" / "acme_commands.py").write_text(CODE)


def test_help_of_clientflow_names_it_and_imports_no_plugin(call: Call) -> None:
    shown = call("--help")
    assert "clientflow x PLUGIN COMMAND" in " ".join(shown.stdout.split())
    assert "acme_dist" not in sys.modules


@pytest.mark.parametrize("arguments", [("x",), ("x", "--help"), ("x", "acme"), ("x", "acme", "-h")])
def test_listing_imports_no_code_of_a_command(arguments: tuple[str, ...], call: Call) -> None:
    shown = call(*arguments)
    assert shown.returncode == 0
    words = " ".join(shown.stdout.split())
    assert "the plugin 'acme' of acme-dist 1.2" in words
    if "acme" in arguments:
        assert "Greet somebody." in words
    assert "acme_commands" not in sys.modules


def test_command_is_run_with_its_arguments(call: Call) -> None:
    assert call("x", "acme", "greet", "world", "--loudly").stdout == "WORLD\n"
    assert call("x", "acme", "greet", "world").stdout == "world\n"


def test_async_command_gives_its_exit_code(call: Call) -> None:
    assert call("x", "acme", "later").returncode == 7


def test_help_of_a_command_shows_its_parameters(call: Call) -> None:
    shown = call("x", "acme", "greet", "--help")
    assert "--loudly" in shown.stdout
    assert "whom." in shown.stdout


def test_command_whose_code_is_not_there_names_the_plugin(call: Call) -> None:
    shown = call("x", "acme", "lost")
    assert shown.returncode == 1
    assert "the command 'lost' of the plugin 'acme' of acme-dist 1.2" in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("x", "nobody"), "no plugin 'nobody' brings commands; those that do: acme"),
        (("x", "twilio", "greet"), "no plugin 'twilio' brings commands"),
        (("x", "acme", "nothing"), "brings no command 'nothing'; it brings: greet, later, lost"),
    ],
)
def test_what_there_is_not_is_refused_by_name(
    arguments: tuple[str, ...], words: str, call: Call
) -> None:
    shown = call(*arguments)
    assert shown.returncode == 1
    assert words in shown.stderr
    assert "acme_commands" not in sys.modules
