"""Tasks are ended, also those that forget that they were cancelled."""

import asyncio

from clientflow_core.ending import end


async def forgetful(times: int) -> None:
    """Go on for ever, but for a cancellation more than so many."""
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            times -= 1
            if times < 0:
                raise


async def failing() -> None:
    raise ValueError("it failed")


async def test_what_forgets_a_cancellation_is_cancelled_again() -> None:
    tasks = [asyncio.create_task(forgetful(times)) for times in (0, 1, 2)]
    await asyncio.sleep(0)
    await asyncio.wait_for(end(*tasks), 20)
    assert all(task.cancelled() for task in tasks)


async def test_what_has_failed_or_not_begun_is_left_in_peace() -> None:
    failed = asyncio.create_task(failing())
    await asyncio.sleep(0)
    await end(failed, asyncio.create_task(asyncio.sleep(60)))
    await end()
    assert failed.done()
