"""The kit's plugin of pytest, by the entry point ``pytest11``: options, summary, result file.

Every run of pytest loads it wherever ClientFlow is installed, so that it imports nothing of the
kit before there is a check.
"""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from clientflow_core.testing.profile import FULL, QUICK, Profile, new_seed, set_profile

if TYPE_CHECKING:
    from clientflow_core.testing.results import Results

MARKER: Final = "conformance"
# As in checks.py, which is not imported here.
_CHECK: Final = "__conformance_check__"
_SEED: Final = "conformance_seed"
# The attribute of a report; xdist brings it from another process.
_CARRIED: Final = "conformance"
_PROFILE: Final = pytest.StashKey[Profile]()
_BEFORE: Final = pytest.StashKey[Profile]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the kit."""
    group = parser.getgroup("clientflow", "conformance of ClientFlow's providers")
    group.addoption(
        "--conformance-profile",
        choices=(QUICK, FULL),
        default=QUICK,
        help="how many examples each property of a provider is tried with (default: quick)",
    )
    group.addoption(
        "--conformance-result",
        type=Path,
        metavar="FILE",
        help="write there as JSON what each provider has proven, and its tier",
    )
    group.addoption(
        "--conformance-seed",
        type=int,
        metavar="N",
        help="make the examples of an earlier run again",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose the profile; a worker of xdist takes the seed of the others."""
    config.addinivalue_line(
        "markers", f"{MARKER}: a check of ClientFlow's conformance kit; the plugin sets it"
    )
    name = config.getoption("conformance_profile")
    seed = config.getoption("conformance_seed")
    if seed is None:
        seed = getattr(config, "workerinput", {}).get(_SEED)
    profile = Profile(name, seed=new_seed(name) if seed is None else seed)
    config.stash[_PROFILE] = profile
    config.stash[_BEFORE] = set_profile(profile)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the profile back to a run that this one is within."""
    if _BEFORE in config.stash:
        set_profile(config.stash[_BEFORE])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give a worker of xdist the seed."""
    node.workerinput[_SEED] = node.config.stash[_PROFILE].seed


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the checks, so that ``-m conformance`` finds them."""
    if _is_check(item):
        item.add_marker(pytest.mark.conformance)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the report of a check carry what it proves; it may come from another process."""
    report = yield
    if _is_check(item) and (call.when == "call" or call.excinfo is not None):
        from clientflow_core.testing.results import evidence  # noqa: PLC0415 - only for a check

        error = call.excinfo.value if call.excinfo else None
        vars(report)[_CARRIED] = evidence(item, error)
    return report


def pytest_sessionstart(session: pytest.Session) -> None:
    """Collect what the reports carry, where they all come together."""
    if not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(_Collector(session.config), "conformance-collector")


class _Collector:
    """Takes the evidence out of the reports of one run, and tells of it in the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._found: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what *report* proves."""
        carried = getattr(report, _CARRIED, None)
        if carried:
            self._found.append(carried)

    def pytest_sessionfinish(self) -> None:
        """Write the result file."""
        path = self._config.getoption("conformance_result")
        if path:
            self._results().write(path)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Tell the tier of each provider, and what is missing for the next."""
        if self._found:
            terminalreporter.section("conformance")
            for line in self._results().lines():
                terminalreporter.write_line(line)

    def _results(self) -> "Results":
        from clientflow_core.testing.results import Results  # noqa: PLC0415 - only for a check

        return Results.of(self._found, profile=self._config.stash[_PROFILE])


def _is_check(item: pytest.Item) -> bool:
    """Tell whether *item* is a check of the kit, or stands where one did."""
    cls = getattr(item, "cls", None)
    name = getattr(item, "originalname", None) or item.name
    return cls is not None and any(
        hasattr(vars(parent).get(name), _CHECK) for parent in cls.__mro__
    )
