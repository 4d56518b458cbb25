"""Which release this is: told by what a build has left, or by the checkout."""

import datetime as dt
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pytest

from clientflow_core import release as module
from clientflow_core.release import built_at, commit, release

SHA: Final = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the package, as if it were elsewhere."""
    folder = tmp_path / "src" / "clientflow_core"
    folder.mkdir(parents=True)
    monkeypatch.setattr(module, "_PACKAGE", folder)
    forget()
    yield folder
    forget()


def forget() -> None:
    release.cache_clear()
    commit.cache_clear()


def head(package: Path, text: str) -> Path:
    git = package.parent.parent / ".git"
    git.mkdir()
    (git / "HEAD").write_text(text)
    return git


def test_wheel_says_from_which_commit_it_was_built_and_when(package: Path) -> None:
    (package / "build.json").write_text(
        f'{{"commit": "{SHA}", "built_at": "2026-11-30T10:00:00+00:00"}}'
    )
    assert release() == f"{version('clientflow')}+0123456789ab"
    assert built_at() == dt.datetime(2026, 11, 30, 10, tzinfo=dt.UTC)


@pytest.mark.parametrize("packed", [False, True])
def test_checkout_says_on_which_commit_its_branch_is(package: Path, *, packed: bool) -> None:
    git = head(package, "ref: refs/heads/main\n")
    if packed:
        (git / "packed-refs").write_text(f"# pack-refs with: peeled\n{SHA} refs/heads/main\n")
    else:
        (git / "refs" / "heads").mkdir(parents=True)
        (git / "refs" / "heads" / "main").write_text(f"{SHA}\n")
    assert commit() == SHA
    assert built_at() is None


def test_checkout_of_a_commit_says_it(package: Path) -> None:
    head(package, f"{SHA}\n")
    assert commit() == SHA


def test_where_nothing_says_it_the_version_is_all(package: Path) -> None:
    assert commit() is None
    assert release() == version("clientflow")
    head(package, "ref: refs/heads/gone\n")
    forget()
    assert commit() is None


def test_git_says_the_same() -> None:
    asked = ["git", "-c", "safe.directory=*", "rev-parse", "HEAD"]
    said = subprocess.run(
        asked, capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    if said.returncode:
        pytest.skip("this is no checkout")
    assert commit() == said.stdout.strip()
