import asyncio
import time

import pytest

from clientflow_core.jobs.lanes import Lane


async def is_waiting(lane: Lane) -> bool:
    task = asyncio.create_task(lane.wait_for_room())
    await asyncio.wait([task], timeout=0.2)
    is_so = not task.done()
    task.cancel()
    return is_so


async def test_free_lane_is_claimed_for_at_once() -> None:
    began = time.monotonic()

    await Lane("tests", 10).wait_for_room()

    assert time.monotonic() - began < 0.03


async def test_full_lane_is_not_claimed_for() -> None:
    lane = Lane("tests", 10)
    lane.take(10)

    assert await is_waiting(lane)


@pytest.mark.parametrize("slots", [1, 2, 3, 10, 200])
async def test_one_free_place_is_used_however_slow_the_others_are(slots: int) -> None:
    lane = Lane("tests", slots)
    lane.take(slots)
    lane.give_back(1)

    assert not await is_waiting(lane)
    assert lane.free == 1


async def test_few_free_places_wait_a_moment_for_more() -> None:
    lane = Lane("tests", 10)
    lane.take(9)
    waiting = asyncio.create_task(lane.wait_for_room())
    await asyncio.sleep(0.01)
    assert not waiting.done()

    lane.give_back(4)
    began = time.monotonic()
    await waiting

    assert time.monotonic() - began < 0.03
