"""Every error that ClientFlow raises on purpose.

::

    ClientFlowError
    ├── InvalidInput            a value from outside breaks a rule; lists every field
    ├── Unauthenticated         nobody is signed in, or the key is wrong
    ├── NotAllowed              somebody is, and may not do this
    ├── NotFound
    ├── Conflict                the state of the thing forbids it
    │   ├── OptedOut            the client does not want to hear from us by this medium
    │   └── BudgetReached       what may be spent in this month is spent
    ├── IdempotencyMismatch     the same Idempotency-Key came with another payload
    ├── Overloaded              too much at once: come back later, nothing was kept
    ├── SettingsError           settings are missing or malformed; lists all of them
    ├── PluginError             a plugin cannot be loaded, or breaks the rules of registration
    ├── DatabaseUnfit           the database is unreachable, too old, or the role is too mighty
    ├── EmbeddedServerError     the PostgreSQL of this machine does not start
    ├── BackupUnusable          a backup cannot be taken, or is not what was written
    ├── WebhookError
    │   ├── SignatureRefused    the sender could not prove who it is
    │   └── BadPayload          proven or not, nobody can read it
    └── ProviderError           what a provider's answer means for the work at hand
        ├── ProviderRefused     no, for good: the same request will never be accepted
        │   ├── RejectedInput   because of a value in it
        │   ├── ClientRefused   because the client has told the provider that there is to be no more
        │   ├── AuthFailed      because of our credentials: stop and tell a person
        │   ├── EditConflict    somebody else has changed it since the version that we know
        │   └── CursorExpired   what we know of it is too old: sync from the beginning
        ├── ProviderUnavailable not now; surely not accepted, so it may be tried again
        │   └── RateLimited     too fast
        ├── ProviderCannot      this provider has no such ability; nothing was sent
        └── OutcomeUnknown      it may have been accepted: look it up, never just repeat it

Each class has a stable ``code``; the host maps the classes to HTTP statuses in one table. The first
line of a class and its ``remedy`` are what the host and the documentation say of the code.
"""

from collections.abc import Sequence
from typing import ClassVar

import attrs
from typing_extensions import override


class ClientFlowError(Exception):
    """The base of all. The message says what happened, with ids, and what to do.

    Attributes:
        code: names the kind of error; never changes once published.
        remedy: what to do about it, in one or two sentences.
    """

    code: ClassVar[str] = "error"
    remedy: ClassVar[str] = "Read what it says."


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
    remedy = (
        "`errors` lists each broken rule with a pointer to its place: mend them all and ask again."
    )

    def __init__(self, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.errors = tuple(errors)


class Unauthenticated(ClientFlowError):
    """Nobody is signed in, or the key is wrong."""

    code = "unauthenticated"
    remedy = (
        "Send an API key that is known, not revoked and not expired, as `Authorization: Bearer "
        "...`."
    )


class NotAllowed(ClientFlowError):
    """Somebody is signed in, and may not do this."""

    code = "not_allowed"
    remedy = "Ask with a key of a higher role: `detail` names the role that this needs."


class NotFound(ClientFlowError):
    """There is no such thing, or none that the caller may see."""

    code = "not_found"
    remedy = "Look at the id, and whether the key is one of the organization that has the thing."


class Conflict(ClientFlowError):
    """The state of the thing forbids it."""

    code = "conflict"
    remedy = (
        "Read the thing again: `detail` says what is in the way, such as a contact that has the "
        "number."
    )


class OptedOut(Conflict):
    """The client does not want to hear from us by this medium; nothing is sent."""

    code = "opted_out"
    remedy = (
        "Nothing: respect it. If the client has asked you to write again, an admin opts them back "
        "in at the contact, with the reason."
    )


class BudgetReached(Conflict):
    """What the organization may spend on this in a month is spent; nothing was asked for."""

    code = "budget_reached"
    remedy = "Wait for the next month, or have whoever pays raise the limit that `detail` names."


class IdempotencyMismatch(ClientFlowError):
    """The same Idempotency-Key came with another payload."""

    code = "idempotency_mismatch"
    remedy = (
        "Take a new key for a new request; repeat the first one exactly to have its answer again."
    )


class Overloaded(ClientFlowError):
    """Too much is asked at once; nothing was kept.

    Args:
        retry_after_seconds: when it is worth coming back.
    """

    code = "overloaded"
    remedy = "Come back after the seconds in `Retry-After`, and then not with everything at once."

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
    remedy = "Set each one that is named, as the page of all settings says."

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
    """A plugin cannot be loaded, breaks the rules of registration, or is not enabled."""

    code = "plugin"
    remedy = (
        "Install or mend the plugin, or take it out of `CLIENTFLOW_PLUGINS`; the log says what it "
        "lacks."
    )


class DatabaseUnfit(ClientFlowError):
    """The database is unreachable, too old, or the role is too mighty."""

    code = "database"
    remedy = (
        "Come back in a moment. If it stays so, the log and `/ready` say what is wrong with it."
    )


class EmbeddedServerError(ClientFlowError):
    """The PostgreSQL of this machine does not start."""

    code = "embedded_server"
    remedy = "Look at `logs` in the state folder."


class BackupUnusable(ClientFlowError):
    """A backup cannot be taken, is damaged, or cannot be restored."""

    code = "backup"
    remedy = "Do what the message names; a backup that is damaged is of no use, so take another."


class WebhookError(ClientFlowError):
    """A webhook is not taken."""

    code = "webhook"
    remedy = "Read what it says."


class SignatureRefused(WebhookError):
    """The sender could not prove who it is."""

    code = "signature_refused"
    remedy = (
        "If it was the provider, compare its secret with ours, and the address that it calls with "
        "`CLIENTFLOW_PUBLIC_URL`."
    )


class BadPayload(WebhookError):
    """Nobody can read it: it is not what its type says, or not in UTF-8."""

    code = "bad_payload"
    remedy = "Send what the operation takes: for the API, JSON in UTF-8."


class ProviderError(ClientFlowError):
    """A provider did not do what was asked.

    Args:
        detail: what happened, in the provider's words where it has any.
        provider_code: the provider's own code for it, if it gave one.
    """

    code = "provider"
    remedy = "Read what it says."

    def __init__(self, detail: str, *, provider_code: str | None = None) -> None:
        super().__init__(detail)
        self.provider_code = provider_code


class ProviderRefused(ProviderError):
    """The provider refused for good: the same request will never be accepted."""

    code = "provider_refused"
    remedy = "Change the request; `detail` has the provider's own words."


class RejectedInput(ProviderRefused):
    """The provider refused it because of a value in it."""

    code = "provider_rejected_input"
    remedy = "Change the value that `detail` names, such as a number that is none."


class ClientRefused(ProviderRefused):
    """The provider refused it because the client has told it that there is to be no more of it."""

    code = "provider_client_refused"
    remedy = "Nothing: respect it. The client is opted out here too, until they ask for more."


class AuthFailed(ProviderRefused):
    """The provider refused it because of our credentials: stop, and tell a person."""

    code = "provider_auth_failed"
    remedy = (
        "Correct the credentials of the provider in the settings; until then nothing is sent by it."
    )


class EditConflict(ProviderRefused):
    """The provider refused the change: somebody else has made one since the version we know."""

    code = "provider_edit_conflict"
    remedy = "Read the thing again, and make the change on what it is now."


class CursorExpired(ProviderRefused):
    """The provider has forgotten what we know: its changes since then cannot be had."""

    code = "provider_cursor_expired"
    remedy = "Nothing: what it has is read from the beginning by itself."


class ProviderUnavailable(ProviderError):
    """The provider cannot be reached or is busy; surely not accepted, so it may be tried again.

    Args:
        retry_after_seconds: how long the provider asks us to wait, if it said so.
    """

    code = "provider_unavailable"
    remedy = "Try again after `Retry-After`; what is queued is tried again by itself."

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
    """We were too fast for the provider; it was not accepted."""

    code = "provider_rate_limited"
    remedy = "Try again after `Retry-After`; what is queued is tried again by itself."


class ProviderCannot(ProviderError):
    """The provider has no such ability; nothing was sent."""

    code = "provider_cannot"
    remedy = "Use another channel, or leave out what this one cannot do."


class OutcomeUnknown(ProviderError):
    """It may have been accepted: look it up, never just repeat it."""

    code = "provider_outcome_unknown"
    remedy = (
        "Look at the message before you send it once more: its state changes when the provider is "
        "heard of."
    )
