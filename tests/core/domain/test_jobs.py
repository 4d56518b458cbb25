import datetime as dt
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientflow_core.domain.jobs import Job, retry_delay_seconds

# The default of the column jobs.max_attempts.
MAX_ATTEMPTS = 14
THREE_DAYS = dt.timedelta(days=3).total_seconds()


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_work_is_tried_for_three_days_at_least(chance: float) -> None:
    waits = [retry_delay_seconds(attempt, chance=chance) for attempt in range(1, MAX_ATTEMPTS)]
    assert sum(waits) >= THREE_DAYS


def test_first_waits_are_short_and_the_last_half_a_day() -> None:
    waits = [retry_delay_seconds(attempt, chance=0.5) for attempt in (1, 2, 3, 4, 5, 6, 7, 8, 99)]
    minute, hour = 60, 3600
    assert waits == pytest.approx(
        [5, 30, 2 * minute, 10 * minute, hour, 6 * hour, 12 * hour, 12 * hour, 12 * hour]
    )


@given(st.integers(1, 200), st.floats(0, 1))
def test_chance_spreads_a_wait_over_a_fifth_to_each_side(attempt: int, chance: float) -> None:
    middle = retry_delay_seconds(attempt, chance=0.5)
    wait = retry_delay_seconds(attempt, chance=chance)
    assert 0.8 * middle - 1e-6 <= wait <= 1.2 * middle + 1e-6
    assert retry_delay_seconds(attempt, chance=0) == pytest.approx(0.8 * middle)
    assert retry_delay_seconds(attempt, chance=1) == pytest.approx(1.2 * middle)


@given(st.integers(1, 50))
def test_waits_never_get_shorter(attempt: int) -> None:
    now, later = (retry_delay_seconds(number, chance=0.5) for number in (attempt, attempt + 1))
    assert now <= later


def test_argument_of_a_job_is_read_as_an_id() -> None:
    message_id = uuid.uuid4()
    job = Job(
        id=1,
        lane="outbound",
        kind="deliver_message",
        organization_id=None,
        args={"message_id": str(message_id)},
        attempts=1,
        max_attempts=MAX_ATTEMPTS,
        claimed_by=7,
    )
    assert job.id_arg("message_id") == message_id
