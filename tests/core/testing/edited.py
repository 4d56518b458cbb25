"""Small providers of these tests, imported as they are, or broken by an edit of their text."""

import importlib
import sys
from pathlib import Path
from typing import Any

from tests.scaffolds import Mutant

_HERE = Path(__file__).parent


def load_edited(name: str, folder: Path, *, mutant: Mutant | None = None) -> Any:
    """Copy the package *name* of this folder below *folder*, edited as *mutant* says.

    Returns:
        Its spec.
    """
    original, package = f"{__package__}.{name}", f"{name}_{mutant.name if mutant else 'good'}"
    edits = dict(mutant.edits) if mutant else {}
    (folder / package).mkdir()
    for file in (_HERE / name).glob("*.py"):
        text = file.read_text("utf-8")
        old, new = edits.pop(file.name, ("", ""))
        assert not old or text.count(old) == 1, f"{old!r} is in {file.name} {text.count(old)} times"
        changed = text.replace(old, new) if old else text
        (folder / package / file.name).write_text(changed.replace(original, package), "utf-8")
    assert not edits, f"there is no {', '.join(edits)}"
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    return getattr(importlib.import_module(f"{package}.spec"), name.upper())
