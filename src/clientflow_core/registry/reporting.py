"""The log of the registry, which is there when it is first needed: most uses report nothing."""

import functools
from typing import Any


@functools.cache
def log() -> Any:
    """Give the logger; structlog is imported here, which takes longer than all of the registry."""
    import structlog  # noqa: PLC0415 - see above

    return structlog.get_logger("clientflow_core.registry")
