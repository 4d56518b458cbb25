"""What an observer is told reaches its backend, and what is nobody's business does not."""

from typing import Any, Final

from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.observer import SPAN, ObserverChecks, error_of
from clientflow_core.testing.stage import Stage

_EMAIL: Final = "ada.private@example.com"
_TELEPHONE: Final = "+14155550177"
_MANY: Final = 20


class ObserverReportChecks(ObserverChecks):
    """Errors and spans."""

    @check("observer.error-arrives", Tier.BRONZE)
    async def test_error_arrives(self, stage: Stage) -> None:
        """An error arrives with its class, the place where it was raised, and its fields."""
        async with stage.provider() as provider:
            fields = {"request_id": "req-5a1b0c", "attempts": 3, "is_last": True}
            provider.report_error(error_of("it did not work"), fields=fields)
            await provider.flush()
            # The class, the function that has raised it, and a field.
            await self.arrives(stage, "DidNotWork", "fail", "req-5a1b0c")

    @check("observer.span-arrives", Tier.BRONZE)
    async def test_span_arrives(self, stage: Stage) -> None:
        """A span arrives with its name and fields; so does one inside another."""
        async with stage.provider() as provider:
            outer = provider.span(SPAN, fields={"job_id": "job-7d9e4c"})
            with outer, provider.span("call_provider", fields={"call_id": "call-1f2e3d"}):
                pass
            await provider.flush()
            await self.arrives(stage, SPAN, "job-7d9e4c", "call_provider", "call-1f2e3d")

    @check("observer.each-arrives", Tier.SILVER)
    async def test_each_arrives(self, stage: Stage) -> None:
        """Several errors, one after the other, are told each with its own fields."""
        names = [f"request-{count:03d}-of-many" for count in range(_MANY)]
        async with stage.provider() as provider:
            for name in names:
                provider.report_error(error_of("it did not work"), fields={"request_id": name})
            await provider.flush()
            await self.arrives(stage, *names)

    @check("observer.closing-hands-over", Tier.BRONZE)
    async def test_closing_hands_over(self, stage: Stage) -> None:
        """What was told just before the end arrives, though nobody has called ``flush``."""
        async with stage.provider() as provider:
            fields = {"request_id": "req-the-last"}
            provider.report_error(error_of("it did not work"), fields=fields)
        await self.arrives(stage, "req-the-last")

    @check("observer.variables-stay-here", Tier.BRONZE)
    async def test_variables_stay_here(self, stage: Stage) -> None:
        """The values of variables, where the error was raised, do not leave."""
        async with stage.provider() as provider:
            # Put together, since the lines of the source may be told.
            private = "-".join(["what", "the", "client", "wrote"])
            error = _with_variable(private)
            provider.report_error(error, fields={"request_id": "req-variables"})
            await provider.flush()
            found = await self.arrives(stage, "req-variables")
        assert private not in found, "the value of a variable has arrived"

    @check("observer.personal-words-stay-here", Tier.BRONZE)
    async def test_personal_words_stay_here(self, stage: Stage) -> None:
        """An address or a telephone number in an error, or in what led to it, does not leave."""
        async with stage.provider() as provider:
            error = _with_cause(f"Key (email)=({_EMAIL}) exists", f"no route to {_TELEPHONE}")
            provider.report_error(error, fields={"request_id": "req-personal"})
            with provider.span(SPAN, fields={"job_id": "job-personal"}):
                pass
            await self._fail_inside(provider)
            await provider.flush()
            found = await self.arrives(stage, "req-personal", "job-personal")
        seen = [one for one in (_EMAIL, _TELEPHONE, _TELEPHONE.lstrip("+")) if one in found]
        assert not seen, f"{seen[0]} has arrived"

    @check("observer.secrets-stay-here", Tier.BRONZE)
    async def test_secrets_stay_here(self, stage: Stage) -> None:
        """A key in the words of an error does not leave, neither ours nor another provider's."""
        secrets = ["sk_live_51HqLyjWDarjtT1zdp7dc", *stage.secrets().values()]
        async with stage.provider() as provider:
            for count, secret in enumerate(secrets):
                error = error_of(f"401 with Authorization: Bearer {secret}")
                provider.report_error(error, fields={"request_id": f"req-secret-{count}"})
            await provider.flush()
            found = await self.arrives(stage, *(f"req-secret-{i}" for i in range(len(secrets))))
        seen = [secret for secret in secrets if secret in found]
        assert not seen, "a key that stands in the words of an error has arrived"

    async def _fail_inside(self, provider: Any) -> None:
        try:
            with provider.span(SPAN, fields={"job_id": "job-failing"}):
                raise error_of(f"{_EMAIL} and {_TELEPHONE}")
        except Exception:  # noqa: BLE001 - it is the one that was raised
            return


def _with_variable(value: str) -> Exception:
    try:
        private = value
        _ = int(private[:0] or "none")
    except ValueError as error:
        return error
    raise AssertionError


def _with_cause(words: str, cause: str) -> Exception:
    try:
        raise error_of(words) from error_of(cause)
    except Exception as error:  # noqa: BLE001 - the one that was raised
        return error
