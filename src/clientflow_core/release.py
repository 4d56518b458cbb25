"""Which release this is: the version, and the commit that it was built from."""

import datetime as dt
import functools
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

_SHOWN: Final = 12
_PACKAGE: Final = Path(__file__).parent


@functools.cache
def release() -> str:
    """Give the version and, where it is known, the commit: ``0.1.0+1a2b3c4d5e6f``."""
    known = commit()
    return version("clientflow") + (f"+{known[:_SHOWN]}" if known else "")


@functools.cache
def commit() -> str | None:
    """Give the commit, as 40 hexadecimal digits; None where it cannot be told.

    A wheel brings it along, written by ``nox -s build``; a checkout has it in its ``.git``.
    """
    if built := _build():
        return built["commit"]
    return _checked_out(_PACKAGE.parent.parent / ".git")


def built_at() -> dt.datetime | None:
    """Give the moment at which the wheel was built; None where there is none, as in a checkout."""
    built = _build()
    return dt.datetime.fromisoformat(built["built_at"]) if "built_at" in built else None


def _build() -> Mapping[str, str]:
    try:
        return dict(json.loads((_PACKAGE / "build.json").read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def _checked_out(git: Path) -> str | None:
    """Read it without git, which need not be there; of a linked worktree it is not told."""
    try:
        head = (git / "HEAD").read_text("ascii").strip()
        if not head.startswith("ref: "):
            return head
        return _of_branch(git, head.removeprefix("ref: "))
    except (OSError, ValueError):
        return None


def _of_branch(git: Path, name: str) -> str | None:
    loose = git / name
    if loose.is_file():
        return loose.read_text("ascii").strip()
    for line in (git / "packed-refs").read_text("ascii").splitlines():
        found, _, packed = line.partition(" ")
        if packed == name:
            return found
    return None
