"""What holds for the repository as a whole; and that the checks which hold it catch something."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parent.parent
SOURCES: Final = ROOT / "src"
PYPROJECT: Final = ROOT / "pyproject.toml"
LOCKS: Final = ("run.txt", "test.txt")
KINDS: Final = ("feature", "fix", "removal", "security", "doc")
# Where there is no git, as in an unpacked sdist, what a checkout makes for itself is left out.
MADE: Final = {".venv", ".nox", ".git", "__pycache__", ".mypy_cache", ".ruff_cache", "dist"}


def settings() -> dict[str, Any]:
    return tomllib.loads(PYPROJECT.read_text())


def files() -> list[Path]:
    """List what is or will be committed."""
    if not (ROOT / ".git").exists():
        return [f for f in ROOT.rglob("*") if f.is_file() and not MADE.intersection(f.parts)]
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others"]
    listed = subprocess.check_output([*command, "--exclude-standard"], cwd=ROOT, text=True)
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def texts() -> Iterator[tuple[str, str]]:
    """Give the name and the content of every text file."""
    for file in files():
        content = file.read_bytes()
        if b"\0" not in content:
            yield file.relative_to(ROOT).as_posix(), content.decode("utf-8")


def tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


# What is committed


def test_no_lock_names_a_package_index() -> None:
    hosts = re.compile(r"pypi\.org|pythonhosted|npmjs|https?://|--(extra-)?index-url|--find-links")
    for name, text in texts():
        if name.startswith("requirements/") or name.endswith((".lock", "package-lock.json")):
            assert not hosts.search(text), name


def test_no_file_names_a_folder_of_somebody_s_machine() -> None:
    # Put together, so that this file does not hold what it looks for.
    folders = re.compile(
        "|".join(("/" + "work/", "/" + r"root/\.", "/" + r"home/\w+/", "/" + "Users/"))
    )
    found = [(name, match[0]) for name, text in texts() if (match := folders.search(text))]
    assert not found


def pins(name: str) -> dict[str, tuple[str, str]]:
    """Read a lock: for each package its version and all that stands with it."""
    text = (ROOT / "requirements" / name).read_text()
    entries = re.findall(r"^([\w.-]+)==(\S+)(.*(?:\n +.*)*)", text, re.MULTILINE)
    return {canonicalize_name(package): (version, rest) for package, version, rest in entries}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_hashes_for_every_package(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text()
    # One package may stand there more than once, for different versions of Python.
    entries = re.findall(r"^[^ #\n].*(?:\n +.*)*", text, re.MULTILINE)
    assert len(entries) >= len(pins(lock)) > 40
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_lock_of_the_tests_holds_that_of_run() -> None:
    run, test = ({name: pin[0] for name, pin in pins(lock).items()} for lock in LOCKS)
    assert run.items() <= test.items(), "write both anew: nox -s lock"


def requirements_of(*extras: str) -> Iterator[Requirement]:
    project = settings()["project"]
    groups = [project["dependencies"], *(project["optional-dependencies"][e] for e in extras)]
    for line in (line for group in groups for line in group):
        requirement = Requirement(line)
        if requirement.name == project["name"]:
            yield from requirements_of(*requirement.extras)
        else:
            yield requirement


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("run.txt", ("all", "build")), ("test.txt", ("dev",))],
)
def test_lock_meets_what_the_project_asks_for(lock: str, extras: tuple[str, ...]) -> None:
    pinned = pins(lock)
    for requirement in requirements_of(*extras):
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"{name} is not in {lock}: nox -s lock"
        assert requirement.specifier.contains(pinned[name][0]), f"{requirement} in {lock}"


def test_change_has_an_entry_in_the_changelog() -> None:
    fragments = [file.name for file in (ROOT / "changelog.d").glob("*.md")]
    fragments.remove("README.md")
    for name in fragments:
        assert re.fullmatch(rf"(\+[a-z0-9-]+|\d+)\.({'|'.join(KINDS)})\.md", name), name
        assert (ROOT / "changelog.d" / name).read_text().strip(), name
    changelog = (ROOT / "CHANGELOG.md").read_text()
    start = settings()["tool"]["towncrier"]["start_string"]
    assert start in changelog
    assert fragments or "\n## " in changelog.partition(start)[2]


# What the sources hold


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(SOURCES.rglob("*.py")):
        yield file.relative_to(SOURCES).as_posix(), ast.parse(file.read_text())


def test_nothing_commits_outside_of_database_py() -> None:
    commits = [
        f"{name}:{node.lineno}"
        for name, tree in modules()
        if name != "clientflow_core/persistence/database.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "commit"
    ]
    assert not commits, "services never commit; open the transaction through Database"


def test_every_module_says_what_it_is_for() -> None:
    silent = [name for name, tree in modules() if not ast.get_docstring(tree)]
    assert not silent


def test_every_package_is_marked_as_typed() -> None:
    packages = {folder.name for folder in SOURCES.iterdir() if (folder / "__init__.py").exists()}
    assert packages == set(settings()["tool"]["importlinter"]["root_packages"])
    assert all((SOURCES / package / "py.typed").exists() for package in packages)


# That the checks catch something


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources and of their rules."""
    folder = tmp_path_factory.mktemp("tree")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SOURCES, folder / "src", ignore=ignored)
    shutil.copy(PYPROJECT, folder)
    return folder


def lint_imports(tree: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [tool("lint-imports"), "--config", "pyproject.toml", "--no-logo"],
        capture_output=True,
        encoding="utf-8",
        cwd=tree,
        env={"PYTHONPATH": str(tree / "src"), "COLUMNS": "200"},
        timeout=60,
        check=False,
    )


def test_import_contracts_are_kept(tree: Path) -> None:
    result = lint_imports(tree)
    assert result.returncode == 0, result.stdout + result.stderr


WRONG_IMPORTS = [
    # file, the line that is put into it, the contract that is broken, the import that is named
    (
        "clientflow_plugins/twilio/provider.py",
        "from clientflow_core.persistence.database import Database",
        "Plugins see only the interfaces of core",
        "clientflow_plugins.twilio.provider -> clientflow_core.persistence.database",
    ),
    (
        "clientflow_plugins/twilio/webhooks.py",
        "def later() -> None:\n    from clientflow_host import openapi",
        "Host and plugins meet only in core",
        "clientflow_plugins.twilio.webhooks -> clientflow_host.openapi",
    ),
    (
        "clientflow_core/domain/messages.py",
        "import aiohttp",
        "The domain does nothing but think",
        "clientflow_core.domain.messages -> aiohttp",
    ),
    (
        "clientflow_core/providers/channel.py",
        "import typing\nif typing.TYPE_CHECKING:\n    import clientflow_core.services.send_message",
        "Layers of core",
        "clientflow_core.providers.channel -> clientflow_core.services.send_message",
    ),
    (
        "clientflow_core/jobs/runner.py",
        "from clientflow_core.services.send_message import send_message",
        "Layers of core",
        "clientflow_core.jobs.runner -> clientflow_core.services.send_message",
    ),
    (
        "clientflow_core/registry/registry.py",
        "import sqlalchemy",
        "No database below the persistence layer",
        "clientflow_core.registry.registry -> sqlalchemy",
    ),
    (
        "clientflow_core/services/send_message.py",
        "from clientflow_core.persistence import tables",
        "Tables are private to persistence",
        "clientflow_core.services.send_message -> clientflow_core.persistence.tables",
    ),
    (
        "clientflow_host/openapi/schemas.py",
        "import twilio",
        "SDKs stay in their plugin",
        "clientflow_host.openapi.schemas -> twilio",
    ),
    (
        "clientflow_host/routes/__init__.py",
        "from clientflow_host import worker",
        "Layers of the host",
        "clientflow_host.routes -> clientflow_host.worker",
    ),
]


@pytest.mark.parametrize(("file", "line", "contract", "named"), WRONG_IMPORTS)
def test_wrong_import_breaks_its_contract(
    file: str, line: str, contract: str, named: str, tree: Path
) -> None:
    path = tree / "src" / file
    before = path.read_text()
    path.write_text(f"{before}\n{line}\n")
    try:
        result = lint_imports(tree)
    finally:
        path.write_text(before)
    assert result.returncode == 1
    assert f"{contract} BROKEN" in result.stdout
    assert named in result.stdout


def test_room_that_no_contract_knows_is_refused(tree: Path) -> None:
    room = tree / "src" / "clientflow_core" / "utils.py"
    room.write_text('"""Everything and nothing."""\n')
    try:
        result = lint_imports(tree)
    finally:
        room.unlink()
    assert result.returncode == 1
    assert "- clientflow_core.utils" in result.stdout


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("def add(a: int, b: int) -> int:\n    return a + b\n", None),
        ("def add(a, b):\n    return a + b\n", "no-untyped-def"),
        ("async def f() -> int: ...\nasync def g() -> None:\n    f()\n", "unused-coroutine"),
        ("import os\nx = 1  # type: ignore\n", "unused-ignore"),
        ("class A:\n    def f(self) -> None: ...\nclass B(A):\n    def f(self) -> None: ...\n",
         "explicit-override"),
    ],
)  # fmt: skip
def test_types_are_checked_strictly(program: str, told: str | None, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(program)
    result = subprocess.run(
        [tool("mypy"), "--config-file", str(PYPROJECT), "--cache-dir", str(tmp_path), "module.py"],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert result.returncode == (1 if told else 0), result.stdout + result.stderr
    assert told is None or f"[{told}]" in result.stdout


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("import os\n\nHOME = os.environ[\"HOME\"]\n", "TID251"),
        ("import datetime\n\nNOW = datetime.datetime.now()\n", "TID251"),
        ("from aiohttp import web\n\nPAGE = web.Response()\n", "TID251"),
        ("def add(a: int) -> int:\n    return a\n", "D100"),
    ],
)  # fmt: skip
def test_what_the_rules_ban_is_found(program: str, told: str) -> None:
    name = str(SOURCES / "clientflow_core" / "services" / "send_nothing.py")
    result = subprocess.run(
        [
            tool("ruff"),
            "check",
            "--no-cache",
            "--config",
            str(PYPROJECT),
            "--stdin-filename",
            name,
            "-",
        ],
        input=program,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert told in result.stdout
