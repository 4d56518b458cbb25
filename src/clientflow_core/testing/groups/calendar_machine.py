"""A model of what the core does: it keeps a copy of a calendar by sync alone, whatever happens."""

from typing import Any, Final

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from typing_extensions import override

from clientflow_core.domain.calendars import CalendarEvent
from clientflow_core.errors import CursorExpired
from clientflow_core.testing.groups.calendar import CalendarChecks, Copy, done
from clientflow_core.testing.samples import happen
from clientflow_core.testing.stage import Stage

_SEVERAL: Final = 4
_ANY: Final = st.integers(0, 10**6)


class CalendarMachine(RuleBasedStateMachine):
    """Events are put, changed and taken out, by us and by others, while the copy is kept anyhow.

    Args:
        suite: knows the provider.
        stage: has the sandbox.
        provider: is asked.
    """

    def __init__(self, suite: CalendarChecks, stage: Stage, provider: Any) -> None:
        super().__init__()
        self.suite, self.stage, self.provider = suite, stage, provider
        self.calendar = ""
        self.copy = Copy()
        # Those that we have put, as they must be now, as long as nobody else has changed anything.
        self.ours: dict[str, CalendarEvent] = {}

    @initialize()
    def found(self) -> None:
        """Begin with a calendar as it is in the beginning."""
        self.stage.server.finish(self.stage.sandbox.reset)
        written = self.stage.run(self.suite.written(self.provider))
        self.calendar = written.provider_calendar_id
        self.copy, self.ours = Copy(), {}

    @rule(title=st.sampled_from(["Haircut", "Coloring", "Beard"]), times=st.integers(1, _SEVERAL))
    def put(self, title: str, times: int) -> None:
        """We put an event, or several, so that they may come in pages."""
        for _ in range(times):
            draft = self.suite.draft(title=title)
            event = self.stage.run(self.suite.put(self.provider, self.calendar, draft))
            self.ours[event.provider_event_id] = event

    @precondition(lambda self: self.ours)
    @rule(which=_ANY, title=st.sampled_from(["Later", "Earlier"]))
    def change(self, which: int, title: str) -> None:
        """We change one of ours."""
        event = list(self.ours.values())[which % len(self.ours)]
        draft = attrs.evolve(
            self.suite.draft(title=title), provider_event_id=event.provider_event_id
        )
        work = self.suite.put(self.provider, self.calendar, draft, etag=event.etag)
        self.ours[event.provider_event_id] = self.stage.run(work)

    @precondition(lambda self: self.ours)
    @rule(which=_ANY)
    def remove(self, which: int) -> None:
        """We take one of ours out."""
        event = list(self.ours.values())[which % len(self.ours)]
        self.stage.run(self.suite.remove(self.provider, self.calendar, event))
        del self.ours[event.provider_event_id]

    @rule(what=_ANY)
    def happen(self, what: int) -> None:
        """Something happens at the provider; it may forget what has changed when."""
        events = self.stage.server.call(self.stage.sandbox.events)
        if events:
            happen(self.suite, self.stage, events[what % len(events)].name)
            self.ours = {}

    @rule()
    def pull_page(self) -> None:
        """A page comes, and then we stand still: it is gone on with from there."""
        try:
            self.stage.run(self.copy.pull_page(self.provider, self.calendar))
        except CursorExpired:
            self.copy = Copy()

    @rule()
    def pull(self) -> None:
        """All that has changed comes, and the copy is what is there."""
        try:
            self.stage.run(self._pull(self.copy))
        except CursorExpired:
            self.copy = Copy()
            self.stage.run(done("sync from the beginning", self._pull(self.copy)))
        # Asked by one that has seen nothing before.
        truth = Copy()
        self.stage.run(done("sync from the beginning", self._pull(truth)))
        assert self.copy.events == truth.events, (
            f"the copy is {list(self.copy.events.values())}, and the calendar "
            f"{list(truth.events.values())}"
        )
        for name, event in self.ours.items():
            found = truth.events.get(name)
            assert found == event, f"{event} was put, and sync gives {found}"

    @override
    def teardown(self) -> None:
        """End in peace."""
        if self.calendar:
            self.pull()

    async def _pull(self, copy: Copy) -> None:
        async with self.stage.provider() as fresh:
            await copy.pull(fresh, self.calendar)
