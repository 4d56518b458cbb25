"""What a test needs of the machine: without it the test is skipped, or fails where all is due."""

import os
from pathlib import Path
from typing import Final

import pytest

DEBIAN_15: Final = Path("/usr/lib/postgresql/15/bin")
"""Where Debian keeps the oldest PostgreSQL that is supported."""


def demand(present: object, reason: str) -> None:
    """Skip the test if *present* is false; fail it where CLIENTFLOW_REQUIRE_ALL is 1."""
    if present:
        return
    if os.environ.get("CLIENTFLOW_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
