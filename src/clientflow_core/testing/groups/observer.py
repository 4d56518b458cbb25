"""What the checks of observers stand on: errors to report, and what has arrived of them."""

import json
from typing import Any, Final

from typing_extensions import override

from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.stage import Stage

SPAN: Final = "deliver_message"
_PATIENCE_SECONDS: Final = 5.0


class ObserverChecks(Conformance):
    """An observer of which is known what :class:`ObserverConformance` says."""

    @override
    async def use(self, provider: Any, stage: Stage) -> None:
        """Report an error, time something, and hand both over."""
        provider.report_error(error_of("used"), fields={"request_id": "req-used"})
        with provider.span(SPAN, fields={"job_id": "job-used"}):
            pass
        await provider.flush()

    async def arrives(self, stage: Stage, *words: str) -> str:
        """Wait until the sandbox has all of *words*, and give everything that it holds.

        Raises:
            AssertionError: it has not.
        """
        await stage.wait_for(
            lambda: all(word in told(stage) for word in words), seconds=_PATIENCE_SECONDS
        )
        found = told(stage)
        missing = [word for word in words if word not in found]
        assert not missing, f"the sandbox's state() has nothing of {missing[0]!r}"
        return found


class DidNotWork(Exception):
    """Nobody was prepared for this."""


def error_of(words: str) -> Exception:
    """Give an error that was raised, with its traceback and *words*."""

    def fail() -> None:
        raise DidNotWork(words)

    try:
        fail()
    except DidNotWork as error:
        return error
    raise AssertionError


def told(stage: Stage) -> str:
    """Give all that has arrived at the sandbox, as one text."""
    return json.dumps(stage.state(), ensure_ascii=False, default=str)
