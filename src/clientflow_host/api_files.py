"""The files of the API: what callers may rely on, and the same for Postman.

``python -m clientflow_host.api_files`` writes them anew, in a checkout; a test fails while they are
out of date. It refuses what would break callers, unless an entry of the changelog, one of the kind
``removal``, tells them of it. Webhooks and what plugins add are not in it: they depend on what is
enabled, and ``/api/openapi.json`` of a running host has them.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

from clientflow_host.app import api_document
from clientflow_host.openapi.changes import breaking_changes
from clientflow_host.openapi.postman import build_collection

COMMAND: Final = "python -m clientflow_host.api_files"
DOCUMENT: Final = "docs/openapi.json"
COLLECTION: Final = "docs/postman.json"
_URL: Final = "http://127.0.0.1:8080"


def render_files() -> dict[str, str]:
    """Give the text of each file, by its name."""
    document = api_document()
    # It stays the same over versions, as long as the API does.
    document["info"]["version"] = "1"
    return {
        DOCUMENT: _text(document),
        COLLECTION: _text(build_collection(document, url=_URL)),
    }


def find_broken(folder: Path) -> list[str]:
    """Give what callers of the API in *folder* would stumble over now."""
    there = folder / DOCUMENT
    if not there.exists():
        return []
    new = json.loads(render_files()[DOCUMENT])
    return list(breaking_changes(json.loads(there.read_text("utf-8")), new))


def is_announced(folder: Path) -> bool:
    """Tell whether the changelog has an entry that tells callers of a removal."""
    return any((folder / "changelog.d").glob("*.removal.md"))


def write_files(folder: Path) -> None:
    """Write the files into *folder*, a checkout.

    Raises:
        SystemExit: callers would stumble, and nobody has told them.
    """
    broken = find_broken(folder)
    if broken and not is_announced(folder):
        words = "\n".join(f"  {one}" for one in broken)
        sys.exit(f"This breaks callers; tell them by changelog.d/+NAME.removal.md:\n{words}")
    for name, text in render_files().items():
        (folder / name).write_text(text, "utf-8")


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    write_files(Path())
