"""The documentation: its code is run, and what it must list is listed."""

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser

import clientflow_core
from clientflow_core.ports import free_port
from clientflow_host.openapi.problems import STATUSES
from tests.commands import Command, environment, new_room
from tests.requirements import demand

ROOT: Final = Path(__file__).parent.parent
DOCS: Final = ROOT / "docs"
PAGES: Final = sorted([*DOCS.rglob("*.md"), ROOT / "examples" / "README.md", ROOT / "README.md"])
DECISIONS: Final = sorted((DOCS / "decisions").glob("[0-9]*.md"))
PYTHON: Final = Sybil([PythonCodeBlockParser()])
WITH_PYTHON: Final = [page for page in PAGES if "```python" in page.read_text("utf-8")]
# Extras for those who work on ClientFlow itself.
INSIDE: Final = {"test", "docs", "bench", "build", "dev"}


# Code that is run


@attrs.frozen
class Sandbox:
    """A running ``clientflow sandbox twilio``, and the settings that it has printed."""

    settings: Mapping[str, str]

    def set_fault(self, fault: Mapping[str, Any]) -> None:
        """Let the next call go wrong; in the pages under this name."""
        request = urllib.request.Request(
            f"{self.settings['TWILIO_API_BASE_URL']}/_control/faults",
            data=json.dumps(fault).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with new_room() as folder:
        ports = {name: str(free_port()) for name in ("CLIENTFLOW_PORT", "CLIENTFLOW_SANDBOX_PORT")}
        arguments = ("sandbox", "twilio", "--state-dir", str(folder / "state"))
        command = Command.start(*arguments, folder=folder, **ports)
        command.until(lambda: "TWILIO_WEBHOOK_URL=" in command.out.read_text())
        lines = command.out.read_text().splitlines()
        yield Sandbox(dict(line.split("=", 1) for line in lines))


def run_python(page: Path, **names: Any) -> int:
    """Run the blocks of *page* one after the other, with *names*; tell how many there are."""
    examples = list(PYTHON.parse(page).examples())
    for example in examples:
        example.namespace.update(names)
        example.evaluate()
    return len(examples)


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_on_the_page_does_what_it_says(
    page: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sandbox.settings.items():
        monkeypatch.setenv(name, value)
    assert run_python(page, set_fault=sandbox.set_fault) >= 1


@pytest.mark.parametrize("hidden", [False, True])
def test_python_that_is_wrong_would_be_noticed(hidden: bool, tmp_path: Path) -> None:
    begin, end = ("<!--- invisible-code-block: python", "-->") if hidden else ("```python", "```")
    page = tmp_path / "page.md"
    page.write_text(f"```python\nx = 1\n```\n\nand\n\n{begin}\nassert x == 2\n{end}\n")
    with pytest.raises(AssertionError):
        run_python(page)


@attrs.frozen(kw_only=True)
class Terminal:
    """Where a reader types, in the folder *room*."""

    room: Path
    settings: Mapping[str, str]

    def type_in(self, commands: str) -> str:
        """Type *commands*, which end; give what they print."""
        result = subprocess.run(
            self._bash(commands),
            cwd=self.room,
            env=self._environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    @contextmanager
    def running(self, commands: str) -> Iterator[Command]:
        """Type *commands*, which would run on for ever."""
        out = self.room / f"{free_port()}.out"
        with (
            out.open("wb") as file,
            subprocess.Popen(
                self._bash(commands),
                cwd=self.room,
                env=self._environment(),
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as popen,
        ):
            try:
                yield Command(popen, out, out)
            finally:
                os.killpg(popen.pid, signal.SIGTERM)

    def _bash(self, commands: str) -> list[str]:
        return ["bash", "-euo", "pipefail", "-c", commands]

    def _environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return environment(PATH=path, PYTHONUNBUFFERED="1", **self.settings)


def test_session_without_an_account_can_be_typed(room: Path) -> None:
    demand(shutil.which("curl"), "curl is not installed")
    _, _, section = (DOCS / "first-text.md").read_text("utf-8").partition("## Without an account")
    port, sandbox_port = str(free_port()), str(free_port())
    stand_in, receive, send, write = (
        block.replace("8080", port).replace("8090", sandbox_port)
        for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    )
    (room / "examples").symlink_to(ROOT / "examples")
    settings = {
        "CLIENTFLOW_STATE_DIR": str(room / "state"),
        "CLIENTFLOW_PORT": port,
        "CLIENTFLOW_SANDBOX_PORT": sandbox_port,
        "CLIENTFLOW_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    terminal = Terminal(room=room, settings=settings)
    with terminal.running(stand_in) as sandbox:
        sandbox.says("TWILIO_WEBHOOK_URL=")
        with terminal.running(receive) as receiving:
            receiving.says("Running on")
            sent = re.search(r"as (SM\w+);", terminal.type_in(send))
            assert sent
            receiving.says(f"{sent[1]} is delivered")
            assert json.loads(terminal.type_in(write))["statuses"] == [200]
            receiving.says("+14155550123 writes: Is Thursday free?")


# What the pages list


def test_reference_has_every_public_name_once() -> None:
    text = (DOCS / "reference.md").read_text("utf-8")
    listed = re.findall(r"^\.\. (?:auto\w+|data):: (\w+)$", text, re.MULTILINE)
    assert sorted(listed) == list(clientflow_core.__all__)


def error_rows() -> dict[str, tuple[str, str]]:
    """Give class and status by the code, as the page has them."""
    text = (DOCS / "errors.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d*) ?\|(?: `(\w+)`:)?", text, re.MULTILINE)
    assert len({code for code, _, _ in rows}) == len(rows), "a code is there twice"
    return {code: (name, status) for code, status, name in rows}


def test_page_of_errors_has_the_code_and_the_status_of_each_class_of_core() -> None:
    rows = error_rows()
    for error, status in STATUSES.items():
        assert rows.get(error.code) == (error.__name__, str(status)), error


def trees() -> Iterator[ast.Module]:
    """Parse each module of the sources."""
    for file in sorted((ROOT / "src").rglob("*.py")):
        yield ast.parse(file.read_text("utf-8"))


def codes_of_classes(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Give each class in *tree* that has a ``code``, and the code."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for node in classes:
        for line in node.body:
            match line:
                case ast.Assign(targets=[ast.Name("code")], value=ast.Constant(str(code))):
                    yield node.name, code
                case ast.AnnAssign(target=ast.Name("code"), value=ast.Constant(str(code))):
                    yield node.name, code
                case _:
                    pass


def codes_of_http_problems(tree: ast.Module) -> Iterator[str]:
    """Give each code that a problem of HTTP alone is made with."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name("HttpProblem"), args=[_, ast.Constant(str(code)), *_]):
                yield code
            case _:
                pass


def test_page_of_errors_has_every_code_that_the_sources_have() -> None:
    rows = error_rows()
    classes = {pair for tree in trees() for pair in codes_of_classes(tree)}
    problems = {code for tree in trees() for code in codes_of_http_problems(tree)}
    assert classes >= {("ClientFlowError", "error"), ("PortTaken", "port_taken")}
    assert "unsupported_media_type" in problems
    missing = [pair for pair in classes if pair[1] not in rows]
    missing += [("HttpProblem", code) for code in problems if code not in rows]
    assert not missing, "add them to docs/errors.md"


def test_page_of_errors_invents_none() -> None:
    text = "".join(file.read_text("utf-8") for file in (ROOT / "src").rglob("*.py"))
    assert [code for code in error_rows() if f'"{code}"' not in text] == []


def test_page_about_installing_has_every_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    _, _, table = (DOCS / "install.md").read_text("utf-8").partition("## What each extra brings")
    listed = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert listed == set(project["optional-dependencies"]) - INSIDE


@pytest.mark.parametrize(
    "page", sorted((DOCS / "decisions").glob("[0-9]*.md")), ids=lambda p: p.stem
)
def test_decision_says_what_a_decision_says(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.startswith(f"# {int(page.name[:4])}. ")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == [
        "Context", "Decision", "Consequences", "Alternatives", "Where it is enforced"
    ]  # fmt: skip
    for path in re.findall(r"`(tests/[\w/]+\.py|src/[\w/]+\.py)`", text):
        assert (ROOT / path).exists(), path


def test_every_page_of_the_decisions_is_listed() -> None:
    listed = re.findall(r"^(\d{4}-\S+)$", (DOCS / "decisions" / "index.md").read_text(), re.M)
    assert listed == [page.stem for page in DECISIONS]
