"""Scaffolds as providers to test with: what ``plugin new`` writes, imported, and broken on purpose.

So there is one provider of a kind to keep, the one that authors begin with.
"""

import functools
import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from clientflow_core.testing import Conformance, checks_of
from clientflow_core.testing.skips import Skipped
from clientflow_host.scaffolding import PluginName, render_plugin

_WRITTEN = "clientflow_acme"


@attrs.frozen(kw_only=True)
class Mutant:
    """A provider that is broken in one way.

    Attributes:
        name: one word in small letters, of which there is one only.
        breaks: the check that must notice it.
        edits: by the file of the package, what is written there and what in its place.
    """

    name: str
    breaks: str
    edits: Mapping[str, tuple[str, str]]


def broken(name: str, breaks: str, file: str, old: str, new: str) -> Mutant:
    """Give a mutant of one edit."""
    return Mutant(name=name, breaks=breaks, edits={file: (old, new)})


@functools.cache
def _rendered(kind: str) -> Mapping[Path, str]:
    return render_plugin(PluginName("acme"), kind)


def load_scaffold(kind: str, folder: Path, *, mutant: Mutant | None = None) -> Any:
    """Write the scaffold of *kind* below *folder*, and give its spec; changed as *mutant* says.

    The package has a name of its own, so that several can be there in one process.
    """
    package = f"{_WRITTEN}_{kind}_{mutant.name if mutant else 'good'}"
    edits = dict(mutant.edits) if mutant else {}
    (folder / package).mkdir()
    for path, text in _rendered(kind).items():
        if path.parent.name == _WRITTEN:
            old, new = edits.pop(path.name, ("", ""))
            assert not old or text.count(old) == 1, f"{old!r} is in {path} {text.count(old)} times"
            changed = text.replace(old, new) if old else text
            (folder / package / path.name).write_text(changed.replace(_WRITTEN, package))
    assert not edits, f"there is no {', '.join(edits)}"
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    return importlib.import_module(f"{package}.spec").ACME


def failures(suite: type[Conformance], tests: Mapping[str, str]) -> dict[str, str]:
    """Run the *tests* of *suite*, by the ids of their checks; give what those say that fail."""
    failed = {}
    for check_id, test in tests.items():
        try:
            getattr(suite(), test)()
        except Skipped:
            continue
        except Exception as error:  # noqa: BLE001 - whatever it is, the check has failed
            failed[check_id] = f"{type(error).__name__}: {error}"
    return failed


def names_of(mutants: Sequence[Mutant]) -> set[str]:
    """Give the checks that *mutants* break."""
    return {mutant.breaks for mutant in mutants}


def runnable_checks(suite: type[Conformance]) -> dict[str, str]:
    """Give the tests of *suite* by the ids of their checks, but those that need an installation.

    They start interpreters, or look at what is installed: the tests of scaffolds have them.
    """
    return {
        check_id: check.test
        for check_id, check in checks_of(suite).items()
        if not check_id.startswith(("import.", "packaging."))
    }


def assert_caught(suite: type[Conformance], mutant: Mutant, tests: Mapping[str, str]) -> None:
    """Make sure that the provider of *suite* fails the one check that it breaks, by its words."""
    failed = failures(suite, {mutant.breaks: tests[mutant.breaks]})
    said = failed.get(mutant.breaks, "nothing")
    assert said.startswith("AssertionError: "), said
    # A mutant that cannot run at all is no proof of anything.
    assert "NameError" not in said
    assert "AttributeError" not in said
