"""Which entries of a dump are restored."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from clientflow_core.persistence.backup.programs import read_output
from clientflow_core.persistence.embedded.binaries import Binaries

# The schema is there already, and may be an administrator's.
_SCHEMA: Final = re.compile(r"^\d+; \d+ \d+ (SCHEMA - public|COMMENT - SCHEMA public) ")
_OWNERS_POLICY: Final = re.compile(r"^\d+; \d+ \d+ POLICY public (\w+) \1_owner ")


@contextmanager
def wanted_entries(
    file: Path, programs: Binaries, *, keeps_owner: bool = True
) -> Iterator[list[str]]:
    """Give the arguments of pg_restore that choose what is restored, and end it at an error.

    Args:
        file: the dump.
        programs: PostgreSQL's.
        keeps_owner: restore it as its owners', whose roles must be there; else all is of whoever
            restores it, without the owner's policies and without anybody's rights.

    Raises:
        BackupUnusable: the dump cannot be read.
    """
    listed = read_output([programs.folder / "pg_restore", "--list", file])
    kept = [
        line
        for line in listed.splitlines(keepends=True)
        if not _SCHEMA.match(line) and (keeps_owner or not _OWNERS_POLICY.match(line))
    ]
    with tempfile.NamedTemporaryFile("w", prefix="clientflow-", encoding="utf-8") as entries:
        entries.writelines(kept)
        entries.flush()
        whose = [] if keeps_owner else ["--no-owner", "--no-privileges"]
        yield [f"--use-list={entries.name}", "--exit-on-error", "--single-transaction", *whose]
