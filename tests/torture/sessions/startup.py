"""R12: from the start of a process until it is ready, which is as long as a death lasts at most."""

import statistics
import time

from tests.torture.children import Child
from tests.torture.report import Options, Result
from tests.torture.system import System, running_system


async def run(options: Options) -> Result:
    """Start a host and a worker ``n`` times each."""
    result = Result.begin("startup", "R12", options, has_faults=False)
    async with running_system(result) as system:
        for child in (system.hosts[0], system.workers[0]):
            times = [await _start(system, child) for _ in range(options.n)]
            result.figures[f"{child.command} to /ready, s"] = (
                f"{statistics.median(times):.2f} ({min(times):.2f}..{max(times):.2f})"
            )
        await system.quiet()
    return result


async def _start(system: System, child: Child) -> float:
    child.kill()
    begun = time.monotonic()
    child.start()
    await system.ready(child)
    return time.monotonic() - begun
