"""How much of what the machine lends is held, so that what is left behind is seen."""

import asyncio
import gc
import threading
from pathlib import Path
from typing import Final

# Fewer than one for each of some rounds, more than what comes and goes by itself.
_MOST_LEFT: Final = 8
_FILES: Final = Path("/proc/self/fd")


class Holdings:
    """How much of what the machine lends is held at this moment."""

    def __init__(self) -> None:
        gc.collect()
        self.tasks = len([task for task in asyncio.all_tasks() if not task.done()])
        self.threads = threading.active_count()
        self.files = len(list(_FILES.iterdir())) if _FILES.is_dir() else 0

    def more_than(self, before: "Holdings") -> str:
        """Say what there is more of than *before*; nothing if there is not."""
        names = ("tasks", "threads", "files")
        return ", ".join(
            name for name in names if getattr(self, name) - getattr(before, name) > _MOST_LEFT
        )
