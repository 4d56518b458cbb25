"""The kit for the checks that a plugin brings: each that says something false is caught."""

from pathlib import Path
from typing import Any, Final

import pytest

from clientflow_core.testing import ChannelConformance, checks_of
from tests.core.testing.heliograph.spec import HELIOGRAPH
from tests.scaffolds import Mutant, assert_caught, broken, failures, load_scaffold

PASS: Final = "checks.pass-on-the-sandbox"
NOTICE: Final = "checks.notice-wrong-credentials"
TESTS: Final = {one: checks_of(ChannelConformance)[one].test for one in (PASS, NOTICE)}
_FILE: Final = "checks.py"
_ASK: Final = "        account = await channel.verify()\n"
_HINT: Final = 'hint = "correct ACME_API_KEY"'
MUTANTS: Final = [
    broken("alwaysfails", PASS, _FILE, _ASK, '        raise AuthFailed("no")\n'),
    broken(
        "fails2nd",
        PASS,
        _FILE,
        _ASK,
        _ASK + '        if "was" in vars(check_credentials):\n            raise AuthFailed("no")\n'
        "        check_credentials.was = True\n",
    ),
    broken(
        "sends",
        PASS,
        _FILE,
        _ASK,
        _ASK + "        from clientflow_core import OutboundMessage, new_id\n"
        "        await channel.send(OutboundMessage(attempt_id=new_id(), sender='+14155550100',"
        " recipient='+14155550123', body='Are you there?'))\n",
    ),
    broken("alwayspasses", NOTICE, _FILE, _ASK, '        account = "somebody"\n'),
    broken("nohint", NOTICE, _FILE, _HINT, 'hint = ""'),
    broken(
        "shows",
        NOTICE,
        _FILE,
        "failed(str(error)",
        "failed(next(iter(context.own_settings.values())).api_key.reveal()",
    ),
]


def suite_of(spec: Any) -> type[ChannelConformance]:
    return type("TestIt", (ChannelConformance,), {"spec": spec})


def test_scaffold_passes(tmp_path: Path) -> None:
    assert failures(suite_of(load_scaffold("channel", tmp_path)), TESTS) == {}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_check_that_says_what_is_not_so_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    assert_caught(suite_of(load_scaffold("channel", tmp_path, mutant=mutant)), mutant, TESTS)


def test_plugin_without_checks_is_left_out() -> None:
    suite = type(
        "TestIt",
        (ChannelConformance,),
        {"spec": HELIOGRAPH, "module": "tests.core.testing.heliograph.spec"},
    )
    assert failures(suite, TESTS) == {}
