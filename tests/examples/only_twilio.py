"""Runs a program as if nothing but ``clientflow[twilio]`` were installed.

``python only_twilio.py PROGRAM ARGUMENTS...``; ONLY_TWILIO_BLOCKED lists what cannot be imported.
"""

import importlib.machinery
import os
import runpy
import sys
from typing import Any, Final

BLOCKED_ENV: Final = "ONLY_TWILIO_BLOCKED"


class Blinkered:
    """A finder of modules that does not see the blocked ones; else as the one that it wraps."""

    def __init__(self, finder: Any, blocked: frozenset[str]) -> None:
        self._finder = finder
        self._blocked = blocked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)

    def find_spec(self, name: str, *arguments: Any) -> importlib.machinery.ModuleSpec | None:
        parts = name.split(".")
        if any(".".join(parts[:end]) in self._blocked for end in range(1, len(parts) + 1)):
            return None
        spec: importlib.machinery.ModuleSpec | None = self._finder.find_spec(name, *arguments)
        return spec


if __name__ == "__main__":
    blocked = frozenset(os.environ[BLOCKED_ENV].split(","))
    for name in blocked & set(sys.modules):
        del sys.modules[name]  # imported by a .pth file
    sys.meta_path[:] = [Blinkered(finder, blocked) for finder in sys.meta_path]
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
