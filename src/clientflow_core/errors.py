"""Every error that ClientFlow raises on purpose.

::

    ClientFlowError
    ├── InvalidInput            a value from outside breaks a rule; lists every field
    ├── Unauthenticated         nobody is signed in, or the key is wrong
    ├── NotAllowed              somebody is, and may not do this
    ├── NotFound
    ├── Conflict                the state of the thing forbids it
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
    code = "unauthenticated"


class NotAllowed(ClientFlowError):
    code = "not_allowed"


class NotFound(ClientFlowError):
    code = "not_found"


class Conflict(ClientFlowError):
    code = "conflict"


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
        lines = [f"{p.env}: {p.problem}" + (f" ({p.hint})" if p.hint else "") for p in problems]
        count = f"{len(lines)} setting" + ("s are" if len(lines) > 1 else " is")
        super().__init__(f"{count} not usable:\n  " + "\n  ".join(lines))


class PluginError(ClientFlowError):
    code = "plugin"


class DatabaseUnfit(ClientFlowError):
    code = "database"


class EmbeddedServerError(ClientFlowError):
    code = "embedded_server"


class WebhookError(ClientFlowError):
    code = "webhook"


class SignatureRefused(WebhookError):
    code = "signature_refused"


class BadPayload(WebhookError):
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
    code = "provider_refused"


class RejectedInput(ProviderRefused):
    code = "provider_rejected_input"


class AuthFailed(ProviderRefused):
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
    code = "provider_rate_limited"


class ProviderCannot(ProviderError):
    code = "provider_cannot"


class OutcomeUnknown(ProviderError):
    code = "provider_outcome_unknown"
