"""Providers that do what they must not, and what their callers meet instead."""

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import attrs
import pytest
import structlog
from typing_extensions import override

from clientflow_core.clock import SystemClock
from clientflow_core.domain.assistance import Assistance, AssistanceRequest, TextDelta
from clientflow_core.domain.messages import MessageStatus, OutboundMessage, Receipt
from clientflow_core.errors import (
    AuthFailed,
    ClientFlowError,
    OutcomeUnknown,
    PluginError,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    SettingsError,
)
from clientflow_core.ids import new_id
from clientflow_core.providers.assistant import AssistantProvider, SupportsEmbeddings
from clientflow_core.providers.channel import ChannelProvider, MessageQuery, SupportsMessageLookup
from clientflow_core.providers.interfaces import abilities_of, interface_of, proven_capabilities
from clientflow_core.providers.observer import Fields, ObserverProvider
from clientflow_core.providers.spec import Capability, ProviderKind
from clientflow_core.registry.guard import HELD_TOO_LONG_SECONDS, Guard, Origin
from clientflow_core.registry.guarded import guarded
from clientflow_core.registry.lifecycle import Lifecycle, ProviderState
from clientflow_core.registry.operations import READS, Operation, operations_of

MESSAGE = OutboundMessage(attempt_id=new_id(), sender="+1", recipient="+2", body="hi")
RECEIPT = Receipt(provider_message_id="1", status=MessageStatus.SENT)
SECRET = "s3cret-token"


@attrs.define
class Counts:
    """A meter that a test can read."""

    calls: list[tuple[str, str, str]] = attrs.field(factory=list)
    held: list[tuple[str, str]] = attrs.field(factory=list)

    def record_call(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.calls.append((provider, operation, outcome))

    def record_held_loop(self, provider: str, operation: str, seconds: float) -> None:
        assert seconds >= HELD_TOO_LONG_SECONDS
        self.held.append((provider, operation))


class Fax(ChannelProvider):
    """Does whatever a test says."""

    def __init__(self, do: Callable[[], Any]) -> None:
        self.do = do
        self.calls = 0

    async def _act(self) -> Any:
        self.calls += 1
        answer = self.do()
        return await answer if asyncio.iscoroutine(answer) else answer

    @override
    async def verify(self) -> str:
        return await self._act()  # type: ignore[no-any-return]  # junk is what is tested

    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        return await self._act()  # type: ignore[no-any-return]  # junk is what is tested


class FaxWithMemory(Fax, SupportsMessageLookup):
    """Can be asked."""

    @override
    async def find_messages(self, query: MessageQuery) -> list[Receipt]:
        return await self._act()  # type: ignore[no-any-return]  # junk is what is tested


@pytest.fixture
def counts() -> Counts:
    """What the guard has counted."""
    return Counts()


@pytest.fixture
def guard(counts: Counts) -> Guard:
    """The guard of the provider ``fax``."""
    return Guard(
        origin=Origin(
            provider="fax", plugin="faxes", version="1.2", source="the plugin 'faxes' of faxes 1.2"
        ),
        deadline_seconds=0.2,
        lifecycle=Lifecycle(provider="fax", plugin="faxes", clock=SystemClock()),
        meter=counts,
        secrets=(SECRET,),
    )


def channel(guard: Guard, do: Callable[[], Any], kind: type[Fax] = FaxWithMemory) -> Any:
    return guarded(ProviderKind.CHANNEL, kind(do), guard)


def failing(error: BaseException) -> Callable[[], Any]:
    def fail() -> Any:
        raise error

    return fail


async def hang() -> None:
    await asyncio.sleep(60)


# --- what it looks like


def test_guarded_provider_is_of_its_interface_and_shows_the_abilities_that_it_has(
    guard: Guard,
) -> None:
    can, cannot = channel(guard, list), channel(guard, list, Fax)
    assert isinstance(can, ChannelProvider)
    assert isinstance(can, SupportsMessageLookup)
    assert isinstance(cannot, ChannelProvider)
    assert not isinstance(cannot, SupportsMessageLookup)
    wanted = frozenset({Capability.MESSAGE_LOOKUP})
    assert proven_capabilities(ProviderKind.CHANNEL, can) == wanted
    assert type(can) is type(channel(guard, list))


def test_every_operation_that_is_said_to_read_is_one_of_an_interface() -> None:
    known = {"open"}
    for kind in ProviderKind:
        for interface in (interface_of(kind), *abilities_of(kind).values()):
            known |= operations_of(interface).keys()
    assert known >= READS


# --- what comes through


async def test_answer_comes_through_and_is_counted(guard: Guard, counts: Counts) -> None:
    fax = channel(guard, lambda: RECEIPT)
    assert await fax.send(MESSAGE) is RECEIPT
    assert counts.calls == [("fax", "send", "ok")]
    assert guard.lifecycle.state is ProviderState.READY


@pytest.mark.parametrize(
    "error",
    [
        ProviderRefused("no"),
        RateLimited("slow down", retry_after_seconds=3),
        OutcomeUnknown("who knows"),
        PluginError("no sdk"),
        SettingsError([]),
    ],
)
async def test_error_of_the_taxonomy_comes_through_with_a_note_of_whose_it_is(
    guard: Guard, counts: Counts, error: ClientFlowError
) -> None:
    with pytest.raises(type(error)) as caught:
        await channel(guard, failing(error)).send(MESSAGE)
    assert caught.value is error
    assert error.__notes__ == ["plugin faxes 1.2"]
    assert counts.calls == [("fax", "send", error.code)]


# --- what does not


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "bug": (failing(KeyError("To")), "fault"),
    "exit": (failing(SystemExit(1)), "fault"),
    "cancellation of its own": (failing(asyncio.CancelledError()), "fault"),
    "base of the taxonomy": (failing(ProviderError("hm")), "fault"),
    "another error of ours": (failing(ClientFlowError("hm")), "fault"),
    "own timeout": (failing(TimeoutError()), "fault"),
    "hanging": (hang, "timeout"),
    "nothing": (lambda: None, "junk"),
    "wrong type": (lambda: "sent", "junk"),
    "receipt without an id": (
        lambda: Receipt(provider_message_id=None, status=MessageStatus.SENT),  # type: ignore[arg-type]  # junk
        "junk",
    ),
}


@pytest.mark.parametrize("bad", BAD)
async def test_call_that_may_have_changed_something_has_an_unknown_outcome(
    guard: Guard, counts: Counts, bad: str
) -> None:
    do, outcome = BAD[bad]
    with pytest.raises(OutcomeUnknown) as caught:
        await channel(guard, do).send(MESSAGE)
    assert "fax" in str(caught.value)
    assert caught.value.__cause__ is not None
    assert caught.value.__notes__ == ["plugin faxes 1.2"]
    assert counts.calls == [("fax", "send", outcome)]


@pytest.mark.parametrize("bad", [*BAD, "unknown outcome"])
async def test_call_that_reads_may_be_asked_again(guard: Guard, bad: str) -> None:
    do = BAD[bad][0] if bad in BAD else failing(OutcomeUnknown("of a question?"))
    with pytest.raises(ProviderUnavailable) as caught:
        await channel(guard, do).find_messages(MessageQuery(message=MESSAGE, attempted_at=NOW))
    assert caught.value.__notes__[-1] == "plugin faxes 1.2"


NOW = SystemClock().now()


def _same(value: object) -> object:
    return value


async def test_list_with_one_wrong_item_is_junk(guard: Guard, counts: Counts) -> None:
    query = MessageQuery(message=MESSAGE, attempted_at=NOW)
    assert await channel(guard, lambda: (RECEIPT,)).find_messages(query) == (RECEIPT,)
    for junk in ([RECEIPT, None], "receipts", iter([RECEIPT]), {RECEIPT.provider_message_id: 1}):
        fax = channel(guard, functools.partial(_same, junk))
        with pytest.raises(ProviderUnavailable):
            await fax.find_messages(query)
    assert counts.calls[-1] == ("fax", "find_messages", "junk")


async def test_words_of_a_bug_are_neither_told_nor_logged_and_its_place_is(guard: Guard) -> None:
    with structlog.testing.capture_logs() as lines, pytest.raises(OutcomeUnknown) as caught:
        await channel(guard, failing(KeyError("+15551234567"))).send(MESSAGE)
    assert str(caught.value) == (
        "the plugin 'faxes' of faxes 1.2, in send of 'fax', failed: KeyError"
    )
    [line] = lines
    assert "+1555" not in str(line)
    assert line["event"] == "provider_fault"
    assert (line["plugin"], line["version"], line["operation"]) == ("faxes", "1.2", "send")
    assert line["where"].startswith("test_guard.py:")


async def test_caller_that_is_cancelled_is_cancelled(guard: Guard, counts: Counts) -> None:
    task = asyncio.create_task(channel(guard, hang).send(MESSAGE))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert counts.calls == [("fax", "send", "cancelled")]


# --- secrets


class Stubborn(ProviderRefused):
    """Says what it wants."""

    @override
    def __str__(self) -> str:
        return f"key {SECRET}"


@pytest.mark.parametrize(
    "error",
    [
        ProviderRefused(f"bad key {SECRET}", provider_code=SECRET),
        AuthFailed(f"bad key {SECRET}"),
        Stubborn("x"),
        ValueError(f"bad key {SECRET}"),
        KeyError({"key": SECRET}),
        UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, "odd"),
    ],
)
async def test_secret_is_in_no_error_no_cause_and_no_log(
    guard: Guard, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> Any:
        try:
            raise LookupError(SECRET)
        except LookupError as cause:
            raise error from cause

    with pytest.raises(ClientFlowError) as caught:
        await channel(guard, fail).send(MESSAGE)
    one: BaseException | None = caught.value
    while one is not None:
        texts = (str(one), repr(one), vars(one), getattr(one, "provider_code", None))
        assert SECRET not in str(texts)
        one = one.__cause__ or one.__context__
    assert SECRET not in capsys.readouterr().out


# --- credentials


async def test_refused_credentials_end_all_calls_and_are_logged_once(guard: Guard) -> None:
    fax = Fax(failing(AuthFailed("who are you?")))
    made: Any = guarded(ProviderKind.CHANNEL, fax, guard)
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(AuthFailed):
                await made.send(MESSAGE)
        with pytest.raises(AuthFailed, match="not asked any more"):
            await made.verify()
    assert fax.calls == 1
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("provider_auth_failed", "error")
    ]
    assert guard.lifecycle.describe().startswith("auth failed: correct")


async def test_verification_that_is_not_answered_makes_the_provider_wait(guard: Guard) -> None:
    fax = channel(guard, failing(ProviderUnavailable("asleep")))
    with pytest.raises(ProviderUnavailable, match="asleep"):
        await fax.send(MESSAGE)
    assert guard.lifecycle.is_fit
    with pytest.raises(ProviderUnavailable, match="asleep"):
        await fax.verify()
    assert guard.lifecycle.state is ProviderState.WAITING
    assert not guard.lifecycle.is_fit
    with pytest.raises(ProviderUnavailable, match="tried again soon"):
        await fax.send(MESSAGE)


# --- the event loop


async def test_plugin_that_holds_the_event_loop_is_named_and_no_other(
    guard: Guard, counts: Counts
) -> None:
    async def wait() -> Receipt:
        await asyncio.sleep(0.05)
        return RECEIPT

    async def block() -> Receipt:
        await asyncio.sleep(0.01)
        time.sleep(HELD_TOO_LONG_SECONDS + 0.05)  # noqa: ASYNC251 - what is tested
        return RECEIPT

    guard.deadline_seconds = 30
    innocent_counts = Counts()
    other = attrs.evolve(guard, meter=innocent_counts)
    with structlog.testing.capture_logs() as lines:
        await asyncio.gather(
            channel(other, wait).send(MESSAGE), channel(guard, block).send(MESSAGE)
        )
        await channel(guard, block).send(MESSAGE)
    [line] = [line for line in lines if line["event"] == "plugin_holds_event_loop"]
    assert (line["plugin"], line["version"], line["operation"]) == ("faxes", "1.2", "send")
    assert line["seconds"] >= HELD_TOO_LONG_SECONDS
    assert counts.held == [("fax", "send")] * 2
    assert innocent_counts.held == []


async def test_opening_may_take_its_time_since_it_imports_the_sdk(
    guard: Guard, counts: Counts
) -> None:
    async def import_sdk() -> str:
        time.sleep(HELD_TOO_LONG_SECONDS + 0.05)  # noqa: ASYNC251 - what is tested
        return "opened"

    guard.deadline_seconds = 30
    assert await guard.call(Operation(name="open", is_read=True, fits=bool), import_sdk) == "opened"
    assert (counts.calls, counts.held) == ([("fax", "open", "ok")], [])


# --- streams


class Chatty(AssistantProvider, SupportsEmbeddings):
    """Streams what a test says."""

    def __init__(self, stream: Callable[[], AsyncIterator[Any]]) -> None:
        self._stream = stream

    @override
    async def verify(self) -> str:
        return "an account"

    @override
    async def complete(self, request: AssistanceRequest) -> Assistance:
        raise NotImplementedError

    @override
    def stream(self, request: AssistanceRequest) -> AsyncIterator[TextDelta | Assistance]:
        return self._stream()

    @override
    async def embed(self, texts: Any) -> Any:
        return texts


def stream(guard: Guard, parts: Callable[[], AsyncIterator[Any]]) -> Any:
    made: Any = guarded(ProviderKind.ASSISTANT, Chatty(parts), guard)
    return made.stream(None)


async def test_stream_comes_through_part_by_part(guard: Guard, counts: Counts) -> None:
    async def parts() -> AsyncIterator[Any]:
        yield TextDelta(text="a")
        yield TextDelta(text="b")

    assert [part.text async for part in stream(guard, parts)] == ["a", "b"]
    assert {outcome for _, _, outcome in counts.calls} == {"ok"}


@pytest.mark.parametrize("bad", ["bug", "junk", "hanging"])
async def test_stream_that_goes_wrong_half_way_ends_in_an_error_of_the_taxonomy(
    guard: Guard, bad: str
) -> None:
    async def parts() -> AsyncIterator[Any]:
        yield TextDelta(text="a")
        if bad == "hanging":
            await hang()
        if bad == "junk":
            yield "b"
        raise KeyError(bad)

    heard: list[Any] = []
    with pytest.raises(ProviderUnavailable):
        await _hear(stream(guard, parts), heard)
    assert heard == ["a"]


async def _hear(parts: AsyncIterator[Any], heard: list[Any]) -> None:
    async for part in parts:
        heard += [part.text]


async def test_listener_that_goes_away_ends_the_stream_of_the_provider(guard: Guard) -> None:
    ended: list[bool] = []

    async def parts() -> AsyncIterator[Any]:
        try:
            while True:
                yield TextDelta(text="a")
        finally:
            ended.append(True)

    async with contextlib.aclosing(stream(guard, parts)) as heard:
        async for _ in heard:
            break
    assert ended == [True]


async def test_vectors_are_numbers(guard: Guard) -> None:
    made: Any = guarded(ProviderKind.ASSISTANT, Chatty(_nothing), guard)
    assert await made.embed([[0.5, 1]]) == [[0.5, 1]]
    with pytest.raises(ProviderUnavailable):
        await made.embed([["a"]])


async def _nothing() -> AsyncIterator[Any]:
    return
    yield


# --- observers


class Watcher(ObserverProvider):
    """Is in the way wherever it can be."""

    def __init__(self, *, spoils: str) -> None:
        self.spoils = spoils

    @override
    async def verify(self) -> str:
        return "somewhere"

    @override
    def report_error(self, error: BaseException, *, fields: Fields) -> None:
        raise error

    @override
    def span(self, name: str, *, fields: Fields) -> AbstractContextManager[None]:
        if self.spoils == "call":
            raise KeyError(name)
        return self._span()

    @contextlib.contextmanager
    def _span(self) -> Iterator[None]:
        if self.spoils == "enter":
            raise KeyError(self.spoils)
        # Swallows what the block raises, which it must not.
        with contextlib.suppress(ValueError):
            yield
        if self.spoils == "exit":
            raise KeyError(self.spoils)

    @override
    async def flush(self) -> None:
        raise KeyError(self.spoils)


@pytest.mark.parametrize("spoils", ["call", "enter", "exit", "nothing"])
async def test_observer_is_in_nobodys_way(guard: Guard, counts: Counts, spoils: str) -> None:
    made: Any = guarded(ProviderKind.OBSERVER, Watcher(spoils=spoils), guard)
    assert isinstance(made, ObserverProvider)
    made.report_error(ValueError("x"), fields={})
    done = []
    with made.span("job", fields={}):
        done.append("block")
    assert done == ["block"]
    with pytest.raises(ValueError, match="of the block"), made.span("job", fields={}):
        failing(ValueError("of the block"))()
    with pytest.raises(ProviderUnavailable):
        await made.flush()
    assert ("fax", "report_error", "fault") in counts.calls
