"""No file that is or will be committed holds a secret, nor what looks like one."""

import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests.test_repository import ROOT, settings, texts

# What each of these issues. Examples in the documentation are words, or end in dots.
FORMS: Final = {
    "a private key": ("PRIVATE KEY", r"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}"),
    "a key of AWS": ("AKIA", r"\bAKIA[0-9A-Z]{16}\b"),
    "a key of GitHub": ("gh", r"\bgh[pousr]_[A-Za-z0-9]{36}\b"),
    "a key of Google": ("AIza", r"\bAIza[0-9A-Za-z_-]{35}\b"),
    "a key of OpenAI": ("sk-", r"\bsk-(proj-)?[A-Za-z0-9_-]{40,}\b"),
    "a key of SendGrid": ("SG.", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b"),
    "a key of Stripe": ("k_live_", r"\b[rs]k_live_[A-Za-z0-9]{24,}\b"),
    "a key of ours": ("cf_live_", r"\bcf_live_[A-Za-z0-9_-]{32,}\b"),
    "a token of Slack": ("xox", r"\bxox[abpr]-[0-9A-Za-z-]{20,}"),
    "a password in an address": ("://", r"\b(postgres(ql)?|rediss?)://\w+:[A-Za-z0-9+/_-]{20,}@"),
}


def found_in(text: str) -> Iterator[str]:
    # The letters first, which are looked for in no time.
    return (
        what for what, (letters, form) in FORMS.items() if letters in text and re.search(form, text)
    )


@pytest.mark.proves("CS2")
def test_no_file_holds_a_secret() -> None:
    assert [(name, what) for name, text in texts() for what in found_in(text)] == []


@pytest.mark.proves("CS2")
def test_secrets_are_looked_for_before_they_are_committed() -> None:
    assert "tests/test_secrets.py" in (ROOT / ".pre-commit-config.yaml").read_text()


@pytest.mark.parametrize(
    "parts",
    [
        ("AKIA", "IOSFODNN7EXAMPL2"),
        ("ghp_", "a1B2" * 9),
        ("SG.", "a" * 22, ".", "b" * 43),
        ("sk_live_", "a1B2" * 7),
        ("-----BEGIN EC PRIVATE KEY", "-----\n", "a" * 64),
        ("postgresql://app:", "a1B2" * 6, "@db.example.com/x"),
    ],
)
def test_what_looks_like_one_is_found(parts: tuple[str, ...]) -> None:
    # Put together here, so that this file does not hold what it looks for.
    assert list(found_in("".join(parts)))


def test_rules_of_bandit_hold_everywhere_but_in_tests() -> None:
    lint = settings()["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    spared = {where for where, rules in lint["per-file-ignores"].items() if "S" in rules}
    assert spared == {"tests/**"}
