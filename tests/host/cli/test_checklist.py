"""``clientflow checklist``: what it shows, how it ends, and what people sign."""

import functools
import json
from typing import Any

import pytest

from clientflow_host.checklist.catalogue import load_catalogue
from tests.databases import Addresses
from tests.host.cli.conftest import Call

SIGNED = ("--by", "Ada", "--evidence", "letter of 3 May")


@pytest.fixture
def checklist(addresses: Addresses, call: Call) -> Call:
    """Run ``clientflow checklist`` on the database of this test, with no plugin."""
    settings = {"DATABASE_URL": addresses.url, "CLIENTFLOW_PLUGINS": ""}
    return functools.partial(call, "checklist", **settings)


@pytest.fixture
def unchanged(shared: Addresses, call: Call) -> Call:
    """The same, on the database of the module: for what signs nothing."""
    settings = {"DATABASE_URL": shared.url, "CLIENTFLOW_PLUGINS": ""}
    return functools.partial(call, "checklist", **settings)


def status(checklist: Call, item: str) -> tuple[str, str]:
    """Give the status of an item, and what was found."""
    (row,) = json.loads(checklist("--only", item, "--json").stdout)
    return row["status"], row["found"]


def signed(checklist: Call, *item: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(checklist("signed", *item, "--json").stdout)
    return found


def test_item_is_signed_revoked_and_signed_again(checklist: Call) -> None:
    assert status(checklist, "FP5") == ("needs_sign_off", "nobody has signed it")
    assert checklist("signed").stdout == "Nothing was signed.\n"

    done = checklist("sign", "fp5", *SIGNED, "--expires", "2999-01-01")
    assert (done.returncode, done.stdout) == (0, "FP5 is signed by Ada until 2999-01-01.\n")
    found = ("passed", "signed by Ada until 2999-01-01: letter of 3 May")
    assert status(checklist, "FP5") == found

    back = checklist("revoke", "FP5", "--by", "Bob", "--because", "new terms")
    assert (back.returncode, back.stdout) == (0, "FP5: 1 revoked.\n")
    assert status(checklist, "FP5") == ("needs_sign_off", "Bob has revoked it: new terms")
    again = checklist("revoke", "FP5", "--by", "Bob", "--because", "new terms")
    assert (again.returncode, "nobody has signed FP5" in again.stderr) == (1, True)

    checklist("sign", "FP5", *SIGNED)
    assert status(checklist, "FP5") == ("passed", "signed by Ada: letter of 3 May")
    newest, oldest = signed(checklist)
    assert (newest["revoked_by"], oldest["revoked_by"]) == (None, "Bob")
    assert oldest["expires_at"] == "2999-01-01T00:00:00+00:00"


def test_signature_that_has_expired_counts_no_more(checklist: Call) -> None:
    checklist("sign", "FP5", *SIGNED, "--expires", "2026-01-01")
    assert status(checklist, "FP5") == ("needs_sign_off", "what Ada signed has expired")


def test_item_that_does_not_apply_is_skipped(checklist: Call) -> None:
    why = ("--by", "Ada", "--evidence", "the guide is enough", "--not-applicable")
    assert checklist("sign", "UU4", *why).returncode == 0
    assert status(checklist, "UU4") == ("skipped", "does not apply, says Ada")
    assert signed(checklist, "UU4")[0]["is_not_applicable"] is True
    assert signed(checklist, "FP5") == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sign", "DD2", *SIGNED), "DD2 is not for a person to sign"),
        (("sign", "XX9", *SIGNED), "the checklist has no item 'XX9'"),
        (("sign", "FP5", "--by", " ", "--evidence", "x"), "--by needs words"),
        (("sign", "FP5", "--by", "Ada", "--evidence", " "), "--evidence needs words"),
        (("revoke", "DD2", "--by", "Ada", "--because", "x"), "DD2 is not for a person to sign"),
        (("revoke", "FP5", "--by", "Ada", "--because", ""), "--because needs words"),
        (("signed", "XX9"), "the checklist has no item 'XX9'"),
    ],
)
def test_what_cannot_be_signed_is_refused(
    unchanged: Call, arguments: tuple[str, ...], words: str
) -> None:
    refused = unchanged(*arguments)
    assert (refused.returncode, words in refused.stderr) == (1, True)
    assert signed(unchanged) == []


def test_whole_is_in_the_order_of_the_checklist_and_kept_and_a_part_is_not(
    checklist: Call, addresses: Addresses
) -> None:
    def kept() -> object:
        with addresses.connect() as connection:
            return connection.execute("SELECT count(*) FROM checklist_results").fetchone()

    nobody = {"CLIENTFLOW_PUBLIC_URL": "http://127.0.0.1:9"}
    checklist("--only", "FP5", **nobody)
    assert kept() == (0,)
    shown = json.loads(checklist("--json", **nobody).stdout)
    assert [row["id"] for row in shown] == list(load_catalogue())
    assert kept() == (170,)


def test_section_is_chosen_by_a_part_of_its_title(unchanged: Call) -> None:
    group = json.loads(unchanged("--section", "redis", "--json").stdout)
    assert [row["id"] for row in group] == ["DR1", "DR2", "DR3", "DR4"]
    shown = json.loads(unchanged("--section", "rollback", "--json").stdout)
    assert [row["id"] for row in shown] == ["RB1", "RB2", "RB3", "RB4", "RB5"]
    none = unchanged("--section", "cooking")
    assert none.returncode == 1
    assert "no section is called 'cooking'; there are: Environment Variables" in none.stderr


def test_table_says_what_was_found_and_what_to_do(unchanged: Call) -> None:
    lines = unchanged("--only", "FP5", "--only", "EA2").stdout.splitlines()
    text = " ".join(" ".join(lines).split())
    assert "Environment Variables & Secrets 1 skipped" in text
    assert "✎ FP5 Legal review completed needs sign-off found: nobody has signed it" in text
    assert "clientflow checklist sign FP5 --by NAME --evidence WHERE" in text
    assert text.endswith(": 1 skipped, 1 needs sign-off.")


def test_markdown_and_page_have_the_same_with_every_mark_escaped(checklist: Call) -> None:
    by = ("--by", "<b>Ada|Bob</b>", "--evidence", "a\nb")
    checklist("sign", "FP5", *by)
    markdown = checklist("--only", "FP5", "--format", "md").stdout
    assert markdown.startswith("# Production deployment checklist\n")
    assert "## Final Verification" in markdown
    row = "| FP5 | Legal review completed | ✓ passed | signed by <b>Ada\\|Bob</b>: a b |  |"
    assert row in markdown
    page = checklist("--only", "FP5", "--format", "html").stdout
    assert page.startswith("<!doctype html>")
    assert "<b>FP5</b> Legal review completed (passed)" in page
    assert "signed by &lt;b&gt;Ada|Bob&lt;/b&gt;" in page


@pytest.mark.parametrize(
    ("level", "code"), [("failed", 0), ("missing", 0), ("unproven", 0), ("needs-sign-off", 1)]
)
def test_level_decides_how_it_ends(unchanged: Call, level: str, code: int) -> None:
    assert unchanged("--only", "FP5", "--fail-level", level).returncode == code


def test_what_has_failed_ends_it_badly_at_every_level(call: Call) -> None:
    asked = ("checklist", "--only", "EA1", "--json")
    away = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none", "CLIENTFLOW_PLUGINS": ""}
    for level in ("failed", "missing", "unproven", "needs-sign-off"):
        shown = call(*asked, "--fail-level", level, **away)
        assert shown.returncode == 1, shown.stderr
        assert json.loads(shown.stdout)[0]["status"] == "failed"
