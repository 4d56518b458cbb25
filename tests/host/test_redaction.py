"""Nothing of anybody comes out of the log, wherever it is planted."""

import contextlib
import io
import json
import logging
import uuid
from types import SimpleNamespace
from typing import Any, Final

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.errors import ProviderRefused
from clientflow_core.secret import Secret
from clientflow_host.logs import configure_logs
from clientflow_host.redaction import trace_of

pytestmark = pytest.mark.proves("ML4")

PHONES: Final = st.from_regex(r"\+1[ -]?[2-9][0-9]{2}[ .-]?[0-9]{3}[ .-]?[0-9]{4}", fullmatch=True)
EMAILS: Final = st.from_regex(
    r"[a-z]{3,10}(\.[a-z]{2,8})?@[a-z]{3,12}\.(com|example)", fullmatch=True
)
# Drawn by chance they have digits; one without any is as good as impossible.
KEYS: Final = st.from_regex(
    r"(cf_live_|SG\.|sk_test_)[A-Za-z]{9}[0-9][A-Za-z0-9]{14}", fullmatch=True
)
BEARERS: Final = KEYS.map(lambda key: f"Bearer {key}")
BODIES: Final = st.lists(
    st.sampled_from(["Thursday", "boiler", "leaks", "again", "mother", "ill"]),
    min_size=2,
    max_size=6,
).map(" ".join)
LOOKS: Final = PHONES | EMAILS | KEYS | BEARERS
ANYTHING: Final = LOOKS | BODIES
FIELDS: Final = st.sampled_from(
    ["client", "to", "detail", "phone", "email", "body", "value", "found", "data", "token", "x"]
)


@st.composite
def buried(draw: st.DrawFn, planted: str) -> Any:
    """Put *planted* into lists and dictionaries, as a value or as a key."""
    value: Any = planted
    for _ in range(draw(st.integers(0, 3))):
        value = put_into(value, draw(st.sampled_from(["list", "dict", "key", "tuple", "object"])))
    return value


def put_into(value: Any, around: str) -> Any:
    """Give *value* inside of something."""
    match around:
        case "list":
            return [1, value]
        case "dict":
            return {"inner": value}
        case "key":
            return {str(value): 1}
        case "tuple":
            return (None, value)
        case _:
            return SimpleNamespace(value=value)


def say(action: Any) -> str:
    """Give what the log of the process says while *action* runs."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        with contextlib.redirect_stderr(stream):
            configure_logs("debug")
            action()
    finally:
        structlog.reset_defaults()
        root.handlers[:], root.level = handlers, level
    for line in stream.getvalue().splitlines():
        json.loads(line)
    return stream.getvalue()


def holds(said: str, planted: str) -> bool:
    """Whether anything of *planted* that tells is in *said*."""
    return planted.removeprefix("Bearer ") in said


@settings(max_examples=50)
@given(st.data())
def test_what_is_planted_in_a_field_however_deep_does_not_come_out(data: st.DataObject) -> None:
    planted = data.draw(ANYTHING)
    fields = {data.draw(FIELDS): data.draw(buried(planted))}
    said = say(lambda: structlog.get_logger("ours").info("something_happened", **fields))
    assert "something_happened" in said
    assert not holds(said, planted)


@settings(max_examples=30)
@given(LOOKS, st.sampled_from(["event", "reason", "error"]))
def test_what_is_planted_in_a_sentence_of_ours_does_not_come_out(planted: str, name: str) -> None:
    words = f"nobody knows {planted} there"
    fields = {"event": "call_refused", name: words}
    said = say(lambda: structlog.get_logger("ours").warning(**fields))
    assert "nobody knows" in said
    assert not holds(said, planted)


@settings(max_examples=40)
@given(ANYTHING, st.sampled_from(["bare", "cause", "context", "group", "note", "field"]))
def test_what_is_planted_in_an_error_does_not_come_out(planted: str, how: str) -> None:
    said = say(lambda: _fail_and_tell(planted, how))
    assert "it_failed" in said
    assert "Error" in said
    assert not holds(said, planted)


def _fail_and_tell(planted: str, how: str) -> None:
    log = structlog.get_logger("ours")
    try:
        _fail(planted, how)
    except Exception as error:
        if how == "field":
            log.error("it_failed", error=error, errors=[error])  # noqa: TRY400 - as it may be told
        else:
            log.exception("it_failed")


def _fail(planted: str, how: str) -> None:
    error = ValueError(planted)
    match how:
        case "cause":
            raise RuntimeError(planted) from error
        case "context":
            try:
                raise error
            except ValueError:
                raise KeyError(planted)  # noqa: B904 - as code that is careless does
        case "group":
            raise ExceptionGroup(planted, [error, TypeError(planted)])
        case "note":
            error.add_note(planted)
        case _:
            pass
    raise error


@settings(max_examples=30)
@given(ANYTHING, st.sampled_from(["argument", "named", "error"]))
def test_what_is_planted_in_a_line_of_a_library_does_not_come_out(planted: str, how: str) -> None:
    def speak() -> None:
        log = logging.getLogger("library")
        match how:
            case "argument":
                log.warning("their %s of %r, %d", planted, [planted], 3)
            case "named":
                log.warning("their %(what)s", {"what": planted})
            case _:
                try:
                    _fail(planted, "cause")
                except RuntimeError:
                    log.exception("their failure")

    said = say(speak)
    assert "their" in said
    assert not holds(said, planted)


@given(LOOKS)
@settings(max_examples=30)
def test_words_of_our_own_errors_stay_without_what_is_somebodys(planted: str) -> None:
    told = trace_of(ProviderRefused(f"the provider refused {planted}"))
    assert told.startswith("ProviderRefused: the provider refused")
    assert not holds(told, planted)


def test_secret_that_is_said_by_mistake_stays_one() -> None:
    said = say(lambda: structlog.get_logger("ours").info("called", using=Secret("s3cret")))
    assert "s3cret" not in said
    assert "**********" in said


def test_bytes_are_never_told() -> None:
    said = say(lambda: structlog.get_logger("ours").info("came_in", raw=b"leaks", more=[b"leaks"]))
    assert "leaks" not in said


def test_what_operators_need_stays_as_it_is() -> None:
    fields = {
        "request_id": "0123456789abcdef0123456789abcdef",
        "organization_id": str(uuid.UUID(int=7)),
        "job_id": 123456789,
        "job_ids": [123456789],
        "pid": 4194303,
        "status": 503,
        "milliseconds": 12.345678,
        "route": "/api/v1/contacts/{contact_id}",
        "provider": "twilio",
        "lane": "plugin.acme",
        "is_new": True,
        "nothing": None,
    }
    said = json.loads(say(lambda: structlog.get_logger("ours").info("happened", **fields)))
    assert {name: said[name] for name in fields} == fields


@pytest.mark.parametrize("number", [14155550123, -14155550123])
def test_long_number_that_is_no_id_is_hidden(number: int) -> None:
    said = say(lambda: structlog.get_logger("ours").info("called", to=number))
    assert "4155550123" not in said


def test_line_of_a_library_whose_parts_do_not_fit_is_told_without_them() -> None:
    said = say(lambda: logging.getLogger("library").warning("their %d", "Thursday boiler"))
    assert json.loads(said)["event"] == "their %d"


def test_error_that_is_the_whole_line_of_a_library_is_told_by_its_class() -> None:
    said = say(lambda: logging.getLogger("library").error(ValueError("boiler leaks")))
    assert json.loads(said)["event"] == "ValueError (its words are left out)"


def test_circle_of_things_ends() -> None:
    circle: list[Any] = []
    circle.append(circle)
    said = say(lambda: structlog.get_logger("ours").info("called", to=circle))
    assert "[hidden]" in said
