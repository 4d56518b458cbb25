"""Nothing that a provider says or raises holds a secret."""

import contextlib
import io
import logging
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, Final

from typing_extensions import override

from clientflow_core.sandbox import Answer
from clientflow_core.testing.calls import OrdinaryCall
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.credentials import with_wrong_secrets
from clientflow_core.testing.stage import Stage

_ANSWERS: Final = (
    None,
    Answer.RATE_LIMITED,
    Answer.INTERNAL_ERROR,
    Answer.HTML,
    Answer.BAD_JSON,
    Answer.CUT_BEFORE,
)
# A shorter one is found in innocent words.
_SHORTEST: Final = 6


class SecrecyChecks(Conformance):
    """What others are told when something goes wrong, and when nothing does."""

    @check("secrecy.errors-and-logs-hold-no-secret", Tier.BRONZE)
    async def test_errors_and_logs_hold_no_secret(self, stage: Stage) -> None:
        """No error, down to its first cause, no log line and no output holds a secret."""
        good = dict(stage.values)
        wrong = with_wrong_secrets(good, stage.secrets(), self.wrong_values)
        secrets = {
            secret: name
            for values in (good, wrong)
            for name, secret in stage.secrets(values).items()
            if len(secret) >= _SHORTEST
        }
        with _listening() as said:
            async with stage.provider() as provider:
                calls = await self.calls(provider, stage)
            for answer in _ANSWERS:
                await self._try(stage, good, answer, calls, said)
            await self._try(stage, wrong, None, calls, said)
        for line in said:
            seen = [name for secret, name in secrets.items() if secret in line]
            hidden = line
            for secret in secrets:
                hidden = hidden.replace(secret, "[the secret]")
            assert not seen, f"{', '.join(seen)} is told: {hidden[:500]}"

    async def _try(
        self,
        stage: Stage,
        values: dict[str, str],
        answer: Answer | None,
        calls: Sequence[OrdinaryCall],
        said: list[str],
    ) -> None:
        stage.behave()
        try:
            async with stage.provider(values) as provider:
                said.append(f"{provider!r} {provider}")
                if answer:
                    stage.go_wrong(answer)
                with _noting(said):
                    await provider.verify()
                for call in calls:
                    with _noting(said):
                        await call.ask(provider)
        except Exception as error:  # noqa: BLE001 - what it says is looked at
            said.extend(_words_of(error))
        finally:
            stage.behave()


@contextlib.contextmanager
def _noting(said: list[str]) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - what it says is looked at
        said.extend(_words_of(error))


def _words_of(error: BaseException) -> Iterator[str]:
    """Give all that *error* and what has led to it say of themselves."""
    yield "".join(traceback.format_exception(error))
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield f"{one!r} {one} {one.args!r}"
        one = one.__cause__ or one.__context__


@contextlib.contextmanager
def _listening() -> Iterator[list[str]]:
    """Collect what is logged and printed."""
    said: list[str] = []
    root, printed = logging.getLogger(), io.StringIO()
    handler, level = _Listener(said), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            yield said
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        said.append(printed.getvalue())


class _Listener(logging.Handler):
    """Notes every line, with what it carries beside its words."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._said = said

    @override
    def emit(self, record: logging.LogRecord) -> None:
        carried: dict[str, Any] = {k: v for k, v in vars(record).items() if k != "msg"}
        self._said.append(f"{self.format(record)} {carried!r}")
