"""How a check of the account ends."""

from clientflow_core.contributions.checks import CheckResult, CheckStatus


def passed(found: str, expected: str) -> CheckResult:
    """Say that all is well."""
    return CheckResult(status=CheckStatus.PASSED, found=found, expected=expected)


def failed(found: str, expected: str, hint: str) -> CheckResult:
    """Say what is wrong, and what to do about it."""
    return CheckResult(status=CheckStatus.FAILED, found=found, expected=expected, hint=hint)


def skipped(found: str, expected: str, hint: str) -> CheckResult:
    """Say that it does not apply or cannot be told, and why."""
    return CheckResult(status=CheckStatus.SKIPPED, found=found, expected=expected, hint=hint)
