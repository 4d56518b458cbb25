"""The command line as a whole: its help, its speed, its errors."""

import os
import subprocess
import sys
import textwrap
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.commands import CLI, environment, run
from tests.host.cli.conftest import Call

COMMANDS = ["up", "demo", "serve", "worker", "sandbox", "migrate", "init", "plugins"]
COMMANDS += ["trigger", "events list", "events show", "events replay", "jobs list"]
COMMANDS += ["jobs show", "jobs retry", "jobs discard", "backup", "backup verify", "restore"]


def test_without_a_command_the_help_is_shown(tmp_path: Path) -> None:
    result = run(folder=tmp_path)
    assert result.returncode == 0
    assert result.stdout == run("--help", folder=tmp_path).stdout
    assert "Begin with clientflow up" in result.stdout
    for command in COMMANDS:
        assert f" {command.split()[0]} " in result.stdout
    assert result.stdout.index("Try it") < result.stdout.index("Run it")


def test_version_is_that_of_the_distribution(tmp_path: Path) -> None:
    result = run("--version", folder=tmp_path)
    assert (result.returncode, result.stdout) == (0, f"{version('clientflow')}\n")


def test_help_of_every_command_names_its_state_folder_and_imports_nothing_heavy(
    tmp_path: Path,
) -> None:
    # In one process, since each start takes a good part of a second.
    code = f"""
        import contextlib, io, sys
        from clientflow_host import cli
        for words in {COMMANDS}:
            sys.argv = ["clientflow", *words.split(), "--help"]
            with contextlib.redirect_stdout(io.StringIO()) as out:
                try:
                    cli.main()
                except SystemExit as end:
                    assert not end.code, words
            said = out.getvalue()
            assert f"Usage: clientflow {{words}}" in said, said
            assert "--state-dir" in said and "CLIENTFLOW_STATE_DIR" in said, said
            assert "[default: False]" not in said, said
        heavy = {{"sqlalchemy", "psycopg", "alembic", "saq", "aiohttp.web", "twilio", "argon2"}}
        assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
    """
    script = tmp_path / "script.py"
    script.write_text("\n".join(line[8:] for line in code.splitlines()))
    result = subprocess.run(
        [sys.executable, str(script)],
        env=environment(COLUMNS="100"),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_serve_imports_nothing_that_only_some_services_need(tmp_path: Path) -> None:
    code = """
        import sys
        from clientflow_host import cli
        sys.argv = ["clientflow", "serve"]
        try:
            cli.main()
        except SystemExit as end:
            assert end.code == 1
        heavy = {"rich", "redis", "alembic", "jinja2", "cryptography", "opentelemetry"}
        heavy |= {"phonenumbers", "nh3", "icalendar", "twilio", "openai", "stripe", "hypothesis"}
        assert "clientflow_host.app" in sys.modules
        assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
        # Of the API and the pages, what is imported further says the first request.
        at_once = {"routes.health", "routes.plugins", "routes.webhooks", "pages.cookies"}
        at_once |= {"pages.error_pages", "pages.goals", "pages.site"}
        found = {name.removeprefix("clientflow_host.") for name in sys.modules}
        found = {name for name in found if name.startswith(("routes.", "pages.", "checklist"))}
        assert found == at_once, found ^ at_once
    """
    result = subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(code)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "DATABASE_URL: is not set" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("bogus", 'Unknown command "bogus".'),
        ("events bogus", 'Unknown command "bogus".'),
        ("serve --bogus", "Unknown option: --bogus."),
        ("demo 7", 'Invalid value "7"'),
        ("up --port x", 'Invalid value for --port: unable to convert "x" into int.'),
        ("up --port 65536", "Must be <= 65535"),
        ("events list --limit 0", "Must be >= 1"),
    ],
)
def test_what_is_not_known_is_told(arguments: str, told: str, call: Call) -> None:
    result = call(*arguments.split())
    assert result.returncode == 2
    assert told in result.stderr
    assert result.stdout == ""


def test_environment_file_that_is_no_text_is_told(call: Call, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"TWILIO_AUTH_TOKEN=\xff\xfe hush\n")
    for command in ("plugins", "serve", "up"):
        result = call(command)
        assert result.returncode == 1
        assert result.stderr == (
            "error: 1 setting is not usable:\n  .env: is not UTF-8 text (save it as UTF-8, or take"
            " it away)\n"
        )


def test_brackets_in_an_error_are_shown_as_they_are(call: Call, tmp_path: Path) -> None:
    (tmp_path / "[bold]").touch()
    result = call("up", "--state-dir", "[bold]")
    assert f"error: {tmp_path}/[bold]: it is a file" in result.stderr


def test_reader_who_stops_reading_is_no_error(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(
        [*CLI, "plugins", "--json"],
        cwd=tmp_path,
        env=environment(CLIENTFLOW_STATE_DIR=str(tmp_path), PYTHONUNBUFFERED="1"),
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (result.returncode, result.stderr) == (1, b"")
