"""What a mail server's answer, or the lack of one, means for the work at hand.

Reply codes: RFC 5321, 4.2; enhanced ones: RFC 3463. A mail server has no key by which it knows a
mail again, and once it has been sent the end of one nobody can tell whether it was taken but by its
answer (RFC 1047): whatever leaves that open becomes :class:`OutcomeUnknown`.
"""

import re
from typing import Final

import aiosmtplib

from clientflow_core.errors import (
    AuthFailed,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
)

# RFC 4954, 6: no sign-in, a mechanism too weak, wrong credentials, no encryption.
_ABOUT_US: Final = frozenset({530, 534, 535, 538})
_LONGEST_DETAIL: Final = 300
_LONGEST_WAIT_SECONDS: Final = 3600.0
_ENHANCED: Final = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
# "Greylisted for 300 seconds", as https://postgrey.schweikert.ch says it, and their like.
_WAIT: Final = re.compile(r"(\d{1,5}) ?s(?:ec|econds?)?\b", re.IGNORECASE)
# Amazon's "454 Throttling failure", and what others call it:
# https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html
_TOO_FAST: Final = re.compile(r"throttl|too many|too fast|rate.?limit|greylist", re.IGNORECASE)
_FIRST_TEMPORARY: Final = 400
_FIRST_PERMANENT: Final = 500
_BEHIND_PERMANENT: Final = 600


def map_error(error: Exception, *, is_on_its_way: bool) -> ProviderError:
    """Translate what a step of a conversation raised; raise the result from *error*.

    Args:
        error: anything that aiosmtplib raised.
        is_on_its_way: whether the mail itself was being sent, so that not knowing matters.
    """
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _map_answer(error, is_on_its_way=is_on_its_way)
    # The base itself says that there is no STARTTLS, or no AUTH: a person has to mend the settings.
    if type(error) is aiosmtplib.SMTPException:
        return AuthFailed(f"the mail server cannot do what the settings ask: {error.message}")
    return _unclear(f"no answer of the mail server ({type(error).__name__})", is_on_its_way)


def _map_answer(error: aiosmtplib.SMTPResponseException, *, is_on_its_way: bool) -> ProviderError:
    words = " ".join(str(error.message).split())[:_LONGEST_DETAIL]
    detail = f"the mail server says {error.code}: {words}"
    enhanced = _ENHANCED.search(words)
    code = enhanced[1] if enhanced else str(error.code)
    if error.code in _ABOUT_US:
        return AuthFailed(detail, provider_code=code)
    if _FIRST_TEMPORARY <= error.code < _FIRST_PERMANENT:
        return _later(detail, words, code)
    if _FIRST_PERMANENT <= error.code < _BEHIND_PERMANENT:
        is_about_address = isinstance(error, aiosmtplib.SMTPRecipientRefused)
        kind = RejectedInput if is_about_address else ProviderRefused
        return kind(detail, provider_code=code)
    return _unclear("the answer is not one of a mail server", is_on_its_way)


def _later(detail: str, words: str, code: str) -> ProviderUnavailable:
    wait = _WAIT.search(words)
    seconds = min(float(wait[1]), _LONGEST_WAIT_SECONDS) if wait else None
    kind = RateLimited if _TOO_FAST.search(words) else ProviderUnavailable
    return kind(detail, provider_code=code, retry_after_seconds=seconds)


def _unclear(detail: str, is_on_its_way: bool) -> ProviderError:  # noqa: FBT001
    if is_on_its_way:
        return OutcomeUnknown(f"{detail}; the mail may have been taken")
    return ProviderUnavailable(detail)
