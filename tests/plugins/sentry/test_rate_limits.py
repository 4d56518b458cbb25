import pytest

from clientflow_plugins.sentry.rate_limits import RateLimits


@pytest.mark.parametrize(
    ("header", "allowed"),
    [
        ("", ["error", "transaction"]),
        ("60:transaction:organization:usage", ["error"]),
        ("60:error;transaction:key", []),
        ("60::organization", []),
        ("1:error:key, 60:transaction:project", []),
        ("0:error:key", ["error", "transaction"]),
        ("soon:error:key", ["transaction"]),
    ],
)
async def test_named_categories_are_held_back(header: str, allowed: list[str]) -> None:
    limits = RateLimits()
    limits.learn({"X-Sentry-Rate-Limits": header}, is_refused=False)
    assert [one for one in ("error", "transaction") if limits.allow(one)] == allowed


async def test_refusal_that_names_nothing_counts_for_everything() -> None:
    limits = RateLimits()
    assert limits.learn({"Retry-After": "7"}, is_refused=True) == 7
    assert not limits.allow("error")
    assert RateLimits().learn({}, is_refused=True) == 60


async def test_shorter_limit_does_not_end_a_longer_one() -> None:
    limits = RateLimits()
    limits.learn({"X-Sentry-Rate-Limits": "60:error:key"}, is_refused=True)
    limits.learn({"X-Sentry-Rate-Limits": "0:error:key"}, is_refused=True)
    assert not limits.allow("error")
