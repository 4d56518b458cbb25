"""Where a check happens: the sandbox, a host that takes its webhooks, and the shared session."""

import asyncio
import contextlib
import copy
import selectors
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp
from typing_extensions import override

from clientflow_core.providers.records import MemoryRecordStore
from clientflow_core.providers.spec import AnySpec, ProviderContext
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.sandbox import Answer, CallFault, ProviderSandbox
from clientflow_core.settings import load_settings, setting_fields
from clientflow_core.testing.local import LocalSandbox
from clientflow_core.testing.sandbox_thread import SandboxThread

T = TypeVar("T")

RETRY_AFTER_SECONDS: Final = 7
_FOR_EVER: Final = 1_000_000
_PATIENCE_SECONDS: Final = 5.0
_STEP_SECONDS: Final = 0.005


class _Selector(selectors.DefaultSelector):
    is_deaf = False

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return [] if self.is_deaf else super().select(timeout)


class StageLoop(asyncio.SelectorEventLoop):
    """A loop whose time can be moved on, so that nobody waits for a deadline."""

    def __init__(self) -> None:
        self._skipped_seconds = 0.0
        self._selector_of_ours = _Selector()
        super().__init__(self._selector_of_ours)
        self.troubles: list[str] = []
        self.set_exception_handler(self._note_trouble)

    @override
    def time(self) -> float:
        return super().time() + self._skipped_seconds

    async def skip(self, seconds: float) -> None:
        """Let *seconds* go by at once: every timer within them is due, and is heard first.

        What comes in at that moment, as an answer that drips does all the time, would put off the
        timer that is to end it.
        """
        self._selector_of_ours.is_deaf = True
        await asyncio.sleep(0)
        self._skipped_seconds += seconds
        await asyncio.sleep(0)
        self._selector_of_ours.is_deaf = False

    def _note_trouble(self, _: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        error = context.get("exception")
        self.troubles.append(str(context["message"]) + (f": {error!r}" if error else ""))


class Stage:
    """The sandbox on a thread and port of its own, and a loop for the provider.

    The sandbox runs apart so that a provider that blocks its loop is seen to do so, and does not
    wait for a server that it holds up itself.

    Args:
        spec: of the provider.
        sandbox_class: of its stand-in.
        is_public: whether the provider is told where it may report to.

    Attributes:
        values: the settings of the sandbox, by their names in the environment.
        loop: where the provider runs.
    """

    def __init__(
        self, spec: AnySpec, sandbox_class: type[ProviderSandbox], *, is_public: bool = True
    ) -> None:
        self.spec = spec
        self._sandbox_class = sandbox_class
        self._is_public = is_public
        self._stack = ExitStack()
        self._session: aiohttp.ClientSession | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opening:
            self.server = opening.enter_context(SandboxThread(self._sandbox_class))
            self.values = self.server.sandbox.settings()
            self.loop = StageLoop()
            self._runner = opening.enter_context(asyncio.Runner(loop_factory=lambda: self.loop))
            # Made now, or a stage that runs nothing would leave it open.
            self._runner.get_loop()
            self._stack = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._session:
                self.run(self._session.close())
        finally:
            self._stack.close()

    @property
    def sandbox(self) -> ProviderSandbox:
        """The stand-in; what touches the loop goes by :meth:`at_the_provider`."""
        return self.server.sandbox

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* to its end, on the loop of the provider."""
        return self._runner.run(work)

    async def context(self) -> ProviderContext:
        """Give what the assembly would lend."""
        # Another one where the provider has closed it, which is for one check to notice.
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession()
        public_url = self.server.host_url if self._is_public else None
        return ProviderContext(http=self._session, public_url=public_url, records=self._records())

    def _records(self) -> MemoryRecordStore:
        # What a local provider keeps is what it is about, and outlives who has opened it.
        sandbox = self.sandbox
        return sandbox.records if isinstance(sandbox, LocalSandbox) else MemoryRecordStore()

    @contextlib.asynccontextmanager
    async def provider(self, values: Mapping[str, str] | None = None) -> AsyncIterator[Any]:
        """Open the provider, with the settings of the sandbox or with *values*."""
        settings = load_settings(self.spec.settings, self.values if values is None else values)
        async with self.spec.open(await self.context(), settings) as opened:
            yield opened

    @contextlib.asynccontextmanager
    async def neighbor(
        self, credentials: Mapping[str, str] | None = None
    ) -> AsyncIterator["Stage"]:
        """Give another account: a stage with a sandbox of its own, and this session and loop.

        Args:
            credentials: of the account; by default those of a new one.
        """
        _ = await self.context()
        with SandboxThread(self._sandbox_class, credentials=credentials) as server:
            other = copy.copy(self)
            other.server, other.values = server, server.sandbox.settings()
            yield other

    def settings(self, values: Mapping[str, str] | None = None) -> Any:
        """Load the settings of the sandbox, or *values*."""
        return load_settings(self.spec.settings, self.values if values is None else values)

    def secrets(self, values: Mapping[str, str] | None = None) -> dict[str, str]:
        """Give the secrets among *values*, by default those of the sandbox, by name."""
        given = self.values if values is None else values
        fields = setting_fields(self.spec.settings)
        return {
            field.setting.env: given[field.setting.env]
            for field in fields
            if field.is_secret and given.get(field.setting.env)
        }

    def addresses(self) -> Sequence[str]:
        """Give the addresses of ours that the settings name."""
        return self.spec.addresses(self.settings())

    def go_wrong(
        self, answer: Answer, *, calls: int = _FOR_EVER, spares_reading: bool = False
    ) -> CallFault:
        """Let the next *calls* of the API go wrong in the way of *answer*.

        Args:
            answer: how.
            calls: how many.
            spares_reading: calls that only read are answered well, and not counted.

        Returns:
            The switch, whose ``calls`` says how many are left.
        """
        fault = CallFault(
            calls=calls,
            answer=answer,
            retry_after_seconds=RETRY_AFTER_SECONDS,
            spares_reading=spares_reading,
        )
        self.sandbox.faults.call = fault
        return fault

    def behave(self) -> None:
        """Let nothing go wrong any more."""
        self.sandbox.faults.reset()

    def state(self) -> dict[str, Any]:
        """Give what the sandbox holds, as it is now."""
        return self.server.call(lambda: copy.deepcopy(self.sandbox.state()))

    def arrived(self) -> list[WebhookRequest]:
        """Give the webhooks that the host has taken so far."""
        return list(self.server.arrived)

    async def wait_for(self, condition: Any, *, seconds: float = _PATIENCE_SECONDS) -> bool:
        """Wait until *condition* gives something true, for *seconds* at most; tell whether it did.

        Time that is skipped does not count.
        """
        until = super(StageLoop, self.loop).time() + seconds
        while not condition():
            if super(StageLoop, self.loop).time() > until:
                return False
            await asyncio.sleep(_STEP_SECONDS)
        return True
