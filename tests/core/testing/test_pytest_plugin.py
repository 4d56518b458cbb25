"""The kit as pytest has it: options, the summary, the result file, and nothing for anybody else."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from clientflow_core.testing import ChannelConformance, checks_of

ROOT: Final = Path(__file__).parents[3]
HEAD: Final = """
import pytest
from clientflow_core.testing import ChannelConformance, NotSupported, Planned, VendorBug
from tests.core.testing.heliograph.spec import HELIOGRAPH
"""
SEVERAL: Final = (
    HEAD
    + """
class TestGood(ChannelConformance):
    spec = HELIOGRAPH

class TestExcused(ChannelConformance):
    spec = HELIOGRAPH
    skips = {
        "delivery.reports-reach-their-message": NotSupported("it reports nothing"),
        "channel.too-long-is-refused": VendorBug("https://example.com/7", "it cuts"),
        "channel.many-at-once": Planned("next week"),
    }

class TestCheating(ChannelConformance):
    spec = HELIOGRAPH
    skips = {"channel.sends-once": NotSupported("we like to send twice")}

    def test_longest_text_is_taken(self):
        pytest.skip("not today")

    def test_send_gives_a_stable_id(self):
        pass

    def test_of_its_own(self):
        pass
"""
)
# Quick ones of each tier; what is not chosen has not been run.
CHOSEN: Final = (
    "test_reports_reach or test_too_long or test_many_at_once or test_sends_once or"
    " test_longest_text or test_send_gives or test_of_its_own or test_receipt_says"
)


def run(
    folder: Path, *arguments: str, test: str = SEVERAL, is_alone: bool = True
) -> tuple["subprocess.CompletedProcess[str]", dict[str, Any]]:
    """Run *test* in an interpreter of its own; give what it said, and the result file."""
    (folder / "test_it.py").write_text(test)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    result = folder / "out" / "result.json"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error"]
    if is_alone:
        # Every other plugin that is installed takes its time to be loaded.
        command += ["-p", "clientflow", "-p", "xdist"]
    ran = subprocess.run(
        [
            *command,
            "--strict-markers",
            "--conformance-result",
            str(result),
            *arguments,
            "test_it.py",
        ],
        cwd=folder,
        env=environment | ({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} if is_alone else {}),
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    return ran, json.loads(result.read_text("utf-8")) if result.exists() else {}


def findings(provider: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {one["id"]: (one["outcome"], one["skip"]) for one in provider["checks"]}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_result_file_says_what_was_proven_and_what_was_not(
    workers: tuple[str, ...], tmp_path: Path
) -> None:
    ran, told = run(tmp_path, "-k", CHOSEN, *workers)
    assert (told["format"], told["profile"], told["seed"]) == (1, "quick", 0), ran.stdout
    assert told["versions"]["clientflow"]
    by_class = {one["class"].rpartition("::")[2]: one for one in told["providers"]}
    assert by_class.keys() == {"TestGood", "TestExcused", "TestCheating"}
    good, excused = findings(by_class["TestGood"]), findings(by_class["TestExcused"])
    assert list(good) == list(checks_of(ChannelConformance))
    assert good["channel.many-at-once"] == ("passed", None)
    assert good["import.costs-little"] == ("not run", None)
    assert excused["delivery.reports-reach-their-message"] == ("skipped", "NotSupported")
    assert excused["channel.too-long-is-refused"] == ("skipped", "VendorBug")
    assert excused["channel.many-at-once"] == ("skipped", "Planned")
    cheating = {one["id"]: one for one in by_class["TestCheating"]["checks"]}
    reasons = {one["id"]: one["reason"] for one in cheating.values() if one["outcome"] == "failed"}
    assert reasons == {
        "channel.send-gives-a-stable-id": "the test is the subclass's own: it proves nothing",
        "channel.longest-text-is-taken": "the test is the subclass's own: it proves nothing",
        "channel.sends-once": (
            "channel.sends-once is a duty, not an ability: no provider may do without"
        ),
    }
    assert told["tier"] is None
    assert "import.costs-little" in told["missing"]
    assert "heliograph: below bronze" in ran.stdout
    assert "left out: channel.too-long-is-refused: VendorBug: it cuts (https://example.com/7)" in (
        ran.stdout
    )


def test_bare_skip_around_a_check_counts_as_failed(tmp_path: Path) -> None:
    test = HEAD + "\n@pytest.mark.skip\nclass TestIt(ChannelConformance):\n    spec = HELIOGRAPH\n"
    _, told = run(tmp_path, "-k", "test_receipt_says", test=test)
    (receipt,) = [one for one in told["providers"][0]["checks"] if one["outcome"] != "not run"]
    assert receipt["outcome"] == "failed"
    assert receipt["reason"] == "skipped without a reason class: name it in `skips`"


def test_expected_failure_is_a_failure(tmp_path: Path) -> None:
    test = (
        HEAD
        + "\n@pytest.mark.xfail\nclass TestIt(ChannelConformance):\n    spec = HELIOGRAPH\n"
        + '    recipient = "nobody at all"\n'
    )
    _, told = run(tmp_path, "-k", "test_receipt_says", test=test)
    (receipt,) = [one for one in told["providers"][0]["checks"] if one["outcome"] != "not run"]
    assert receipt["outcome"] == "failed"


def test_marker_chooses_the_checks_alone(tmp_path: Path) -> None:
    ran, _ = run(tmp_path, "--collect-only", "-q", "-m", "conformance")
    assert "test_of_its_own" not in ran.stdout
    assert ran.stdout.count("TestGood::") == len(checks_of(ChannelConformance))


def test_full_profile_takes_another_seed_each_time_or_the_given_one(tmp_path: Path) -> None:
    # What the process that runs the tests makes examples of, a worker too.
    test = (
        "from pathlib import Path\n"
        "from clientflow_core.testing.profile import current_profile\n"
        "def test_it():\n    profile = current_profile()\n"
        '    Path("seed").write_text(f"{profile.name} {profile.seed} {profile.examples}")\n'
    )
    seeds = []
    for workers in ((), ("-n", "1")):
        _, told = run(tmp_path, "--conformance-profile", "full", *workers, test=test)
        seeds.append(told["seed"])
        assert (tmp_path / "seed").read_text() == f"full {told['seed']} 200"
    assert seeds[0] != seeds[1]
    _, told = run(tmp_path, "--conformance-seed", "7", test=test)
    assert (tmp_path / "seed").read_text() == "quick 7 25"
    assert (told["seed"], told["tier"], told["providers"]) == (7, None, [])


def test_run_without_a_check_is_not_disturbed(tmp_path: Path) -> None:
    options = ("-o", "asyncio_default_fixture_loop_scope=function")
    ran, _ = run(tmp_path, *options, test="def test_it():\n    pass\n", is_alone=False)
    assert ran.returncode == 0, ran.stdout
    assert "conformance =" not in ran.stdout


def test_plugin_of_pytest_imports_nothing_of_the_kit() -> None:
    heavy = ("aiohttp", "attrs", "hypothesis", "clientflow_core.providers", "pluggy.callers")
    program = (
        "import sys, clientflow_core.testing.pytest_plugin\n"
        f"assert not set({heavy!r}) & set(sys.modules), sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_unknown_check_in_skips_is_told_at_once(tmp_path: Path) -> None:
    test = HEAD + (
        "class TestIt(ChannelConformance):\n    spec = HELIOGRAPH\n"
        '    skips = {"channel.flies": Planned("soon")}\n'
    )
    ran, _ = run(tmp_path, test=test)
    assert "TestIt.skips names channel.flies, which the kit does not know" in ran.stdout


def test_what_has_to_be_installed_is_told() -> None:
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "try:\n    from clientflow_core.testing import ChannelConformance\n"
        "except ModuleNotFoundError as error:\n    print(error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert ran.stdout == (
        "clientflow_core.testing needs hypothesis: pip install 'clientflow[testing]'\n"
    )
