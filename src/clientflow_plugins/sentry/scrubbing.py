"""What is taken out of everything before it leaves, events and transactions both.

Only named parts are looked at: to look for addresses everywhere takes the release for one
(``clientflow@0.1.0``).
"""

from typing import Any

from clientflow_core.domain.private_words import hide_private_fields, hide_private_words

# They may hold anything of anybody, and nothing of ours is meant to be in them.
_NEVER = ("request", "user", "breadcrumbs", "extra", "logentry", "message")


def scrub_event(event: Any, _: Any = None) -> Any:
    """Take out of an error's event what is private; for ``before_send``."""
    _drop(event)
    for raised in event.get("exception", {}).get("values", ()):
        raised["value"] = hide_private_words(str(raised.get("value") or ""))
        for frame in raised.get("stacktrace", {}).get("frames", ()):
            frame.pop("vars", None)
    _scrub_fields(event, "tags")
    return event


def scrub_transaction(event: Any, _: Any = None) -> Any:
    """Take out of a transaction what is private; for ``before_send_transaction``."""
    _drop(event)
    _scrub_fields(event.get("contexts", {}).get("trace", {}), "data")
    for span in event.get("spans", ()):
        _scrub_fields(span, "data")
    return event


def drop_breadcrumb(_: Any, __: Any = None) -> None:
    """Keep no trace of what has led to an error; for ``before_breadcrumb``."""
    return


def _drop(event: Any) -> None:
    for name in _NEVER:
        event.pop(name, None)


def _scrub_fields(of: Any, name: str) -> None:
    if of.get(name):
        of[name] = hide_private_fields(of[name])
