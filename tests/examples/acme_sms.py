"""``examples/acme_sms`` as others install it: its wheel, in a folder on the path."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.commands import new_room

ACME_SMS: Final = Path(__file__).parents[2] / "examples" / "acme_sms"


def install(distribution: Path, target: Path) -> None:
    """Build the wheel of *distribution* and install it into the folder *target*; offline."""
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *options]
    subprocess.run([*command, "--target", str(target), str(distribution)], check=True, timeout=100)


@contextmanager
def installed() -> Iterator[Path]:
    """Install it; give the folder, which belongs on PYTHONPATH."""
    with new_room() as room:
        install(ACME_SMS, room / "site")
        yield room / "site"
