"""Every error that ClientFlow raises on purpose.

::

    ClientFlowError
    ├── InvalidInput            a value from outside breaks a rule; lists every field
    ├── Unauthenticated         nobody is signed in, or the key is wrong
    ├── NotAllowed              somebody is, and may not do this
    ├── NotFound
    ├── Conflict                the state of the thing forbids it
    ├── IdempotencyMismatch     the same Idempotency-Key came with another payload
    ├── Overloaded              too much at once: come back later, nothing was kept
    ├── SettingsError           settings are missing or malformed; lists all of them
    ├── PluginError             a plugin cannot be loaded, or breaks the rules of registration
    ├── DatabaseUnfit           the database is unreachable, too old, or the role is too mighty
    ├── EmbeddedServerError     the PostgreSQL of this machine does not start
    ├── WebhookError
    │   ├── SignatureRefused    the sender could not prove who it is
    │   └── BadPayload          proven or not, nobody can read it
    └── ProviderError           what a provider's answer means for the work at hand
        ├── ProviderRefused     no, for good: the same request will never be accepted
        │   ├── RejectedInput   because of a value in it
        │   └── AuthFailed      because of our credentials: stop and tell a person
        ├── ProviderUnavailable not now; surely not accepted, so it may be tried again
        │   └── RateLimited     too fast
        ├── ProviderCannot      this provider has no such ability; nothing was sent
        └── OutcomeUnknown      it may have been accepted: look it up, never just repeat it

Each class has a stable ``code``; the host maps the classes to HTTP statuses in one table.
"""

from collections.abc import Sequence
from typing import ClassVar

import attrs
from typing_extensions import override


class ClientFlowError(Exception):
    """Base of all of them. The message says what happened, with ids, and what to do."""

    code: ClassVar[str] = "error"


@attrs.frozen
class FieldError:
    """One broken rule: where (a JSON pointer or a parameter's name) and what is wrong."""

    pointer: str
    detail: str


class InvalidInput(ClientFlowError):
    """A value from outside breaks a rule.

    Args:
        detail: one sentence for the whole input.
        errors: one entry for each broken rule.
    """

    code = "invalid_input"

    def __init__(self, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.errors = tuple(errors)


class Unauthenticated(ClientFlowError):
    """Nobody is signed in, or the key is wrong."""

    code = "unauthenticated"


class NotAllowed(ClientFlowError):
    """Somebody is signed in, and may not do this."""

    code = "not_allowed"


class NotFound(ClientFlowError):
    """There is no such thing, or none that the caller may see."""

    code = "not_found"


class Conflict(ClientFlowError):
    """The state of the thing forbids it."""

    code = "conflict"


class IdempotencyMismatch(ClientFlowError):
    """The same Idempotency-Key came with another payload."""

    code = "idempotency_mismatch"


class Overloaded(ClientFlowError):
    """Too much at once; nothing was kept.

    Args:
        retry_after_seconds: when it is worth coming back.
    """

    code = "overloaded"

    def __init__(self, detail: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


@attrs.frozen
class SettingProblem:
    """One setting that is not as it must be. The value itself is never in here."""

    env: str
    problem: str
    hint: str = ""


class SettingsError(ClientFlowError):
    """Some settings are missing or malformed; the message lists every one by its name."""

    code = "settings"

    def __init__(self, problems: Sequence[SettingProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    @override
    def __str__(self) -> str:
        lines = [
            f"{p.env}: {p.problem}" + (f" ({p.hint})" if p.hint else "") for p in self.problems
        ]
        count = f"{len(lines)} setting" + ("s are" if len(lines) > 1 else " is")
        return f"{count} not usable:\n  " + "\n  ".join(lines)


class PluginError(ClientFlowError):
    """A plugin cannot be loaded, or breaks the rules of registration."""

    code = "plugin"


class DatabaseUnfit(ClientFlowError):
    """The database is unreachable, too old, or the role is too mighty."""

    code = "database"


class EmbeddedServerError(ClientFlowError):
    """The PostgreSQL of this machine does not start."""

    code = "embedded_server"


class WebhookError(ClientFlowError):
    """A webhook that is not taken."""

    code = "webhook"


class SignatureRefused(WebhookError):
    """The sender could not prove who it is."""

    code = "signature_refused"


class BadPayload(WebhookError):
    """Proven or not, nobody can read it."""

    code = "bad_payload"


class ProviderError(ClientFlowError):
    """What a provider's answer means.

    Args:
        detail: what happened, in the provider's words where it has any.
        provider_code: the provider's own code for it, if it gave one.
    """

    code = "provider"

    def __init__(self, detail: str, *, provider_code: str | None = None) -> None:
        super().__init__(detail)
        self.provider_code = provider_code


class ProviderRefused(ProviderError):
    """The provider refused for good: the same request will never be accepted."""

    code = "provider_refused"


class RejectedInput(ProviderRefused):
    """Refused because of a value in the request."""

    code = "provider_rejected_input"


class AuthFailed(ProviderRefused):
    """Refused because of our credentials: stop, and tell a person."""

    code = "provider_auth_failed"


class ProviderUnavailable(ProviderError):
    """Surely not accepted; may be tried again.

    Args:
        retry_after_seconds: how long the provider asks us to wait, if it said so.
    """

    code = "provider_unavailable"

    def __init__(
        self,
        detail: str,
        *,
        provider_code: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail, provider_code=provider_code)
        self.retry_after_seconds = retry_after_seconds


class RateLimited(ProviderUnavailable):
    """Not accepted, because it came too fast."""

    code = "provider_rate_limited"


class ProviderCannot(ProviderError):
    """The provider has no such ability; nothing was sent."""

    code = "provider_cannot"


class OutcomeUnknown(ProviderError):
    """It may have been accepted: look it up, never just repeat it."""

    code = "provider_outcome_unknown"
