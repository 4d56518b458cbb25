"""The docstring of an attrs class, taken apart for the document."""

import inspect
import re
from typing import Final

_SECTION: Final = "\n\nAttributes:\n"
_ENTRY: Final = re.compile(r" {4}(?P<names>\w+(?:, \w+)*): (?P<words>.*)")


def split_docstring(docstring: str) -> tuple[str, dict[str, str]]:
    """Give what is said of the class, and what its ``Attributes:`` say of each field."""
    head, _, rest = inspect.cleandoc(docstring).partition(_SECTION)
    section, _, tail = rest.partition("\n\n")
    fields: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        entry = _ENTRY.fullmatch(line)
        if entry:
            names = entry["names"].split(", ")
            fields.update(dict.fromkeys(names, entry["words"]))
        else:
            fields.update((name, f"{fields[name]} {line.strip()}") for name in names)
    return f"{head}\n\n{tail}".strip(), fields
