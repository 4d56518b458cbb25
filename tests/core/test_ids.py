import datetime as dt
import time
import uuid

import pytest
from hypothesis import assume, example, given, reject
from hypothesis import strategies as st

from clientflow_core.errors import NotFound
from clientflow_core.ids import IdPrefix, first_id, from_public_id, new_id, to_public_id

HEX = "0198c0ffee007abc8def0123456789ab"


def test_new_id_is_a_uuid_of_version_7() -> None:
    for made in (new_id() for _ in range(1000)):
        assert made.version == 7
        assert made.variant == uuid.RFC_4122


def test_new_id_begins_with_the_millisecond_of_its_making() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    after = time.time_ns() // 1_000_000
    assert before <= made.int >> 80 <= after


def test_later_ids_sort_later() -> None:
    made = []
    for _ in range(5):
        made.append(new_id())
        time.sleep(0.002)
    assert made == sorted(made)
    assert [str(one) for one in made] == sorted(str(one) for one in made)


def test_ids_of_the_same_millisecond_differ() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000


@given(st.integers(0, 2**47 - 1), st.integers(-3, 3))
@example(1066247505, -1)
def test_first_id_parts_what_was_made_before_from_what_was_made_since(
    millisecond: int, distance: int
) -> None:
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    try:
        at = epoch + dt.timedelta(milliseconds=millisecond)
        other = at + dt.timedelta(milliseconds=distance)
        assume(other >= epoch)
    except OverflowError:
        reject()
    border = first_id(at)
    assert (border.version, border.variant) == (7, uuid.RFC_4122)
    assert (new_id(at=other) >= border) == (distance >= 0)


def test_every_random_bit_is_used() -> None:
    ones = zeros = 0
    for made in (new_id() for _ in range(500)):
        ones |= made.int
        zeros |= ~made.int
    random_bits = (2**80 - 1) & ~(0xF << 76) & ~(0x3 << 62)
    assert ones & random_bits == random_bits
    assert zeros & random_bits == random_bits


@given(st.sampled_from(IdPrefix), st.uuids())
def test_public_id_is_read_back(prefix: IdPrefix, value: uuid.UUID) -> None:
    text = to_public_id(prefix, value)
    assert text == f"{prefix.value}_{value.hex}"
    assert from_public_id(prefix, text) == value


def test_prefixes_are_different_words_without_an_underscore() -> None:
    assert len({prefix.value for prefix in IdPrefix}) == len(IdPrefix)
    assert all(prefix.isalpha() and prefix.islower() for prefix in IdPrefix)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "msg",
        "msg_",
        HEX,
        f"con_{HEX}",
        f"MSG_{HEX}",
        f"msg-{HEX}",
        f"msg_{HEX[:-1]}",
        f"msg_{HEX}0",
        f"msg__{HEX[1:]}",
        f"msg_{HEX[:-1]}g",
        f"msg_{HEX.upper()}",
        f"msg_{HEX}\n",
        f" msg_{HEX}",
        f"msg_{uuid.UUID(HEX)}",
        # What uuid.UUID and int() let pass.
        f"msg_0x{HEX[2:]}",
        f"msg_+{HEX[1:]}",
        f"msg_{HEX[:15]}_{HEX[16:]}",
        f"msg_ {HEX[1:]}",
        "msg_" + "٣" * 32,
        f"msg_{{{HEX[1:-1]}}}",
        f"msg_{HEX[:-1]}\udcff",
    ],
)
def test_malformed_id_is_not_found(text: str) -> None:
    with pytest.raises(NotFound, match="an id of this kind is msg_ and 32"):
        from_public_id(IdPrefix.MESSAGE, text)


@given(
    st.text()
    | st.from_regex(r"msg_[0-9a-fA-FxX_+{} -]{32}", fullmatch=True)
    | st.from_regex(r"msg_\d{32}", fullmatch=True)
)
def test_thing_has_one_public_id(text: str) -> None:
    try:
        value = from_public_id(IdPrefix.MESSAGE, text)
    except NotFound:
        return
    assert to_public_id(IdPrefix.MESSAGE, value) == text
