"""What a run has proven: evidence of single checks, put together to a tier for each provider."""

import functools
import importlib
import json
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import attrs
import pytest

from clientflow_core.testing.checks import CHECK, Check, Tier, checks_of
from clientflow_core.testing.distributions import distribution_of, sdk_versions, version_of
from clientflow_core.testing.profile import Profile
from clientflow_core.testing.skips import Skipped

FORMAT: Final = 1
PASSED: Final = "passed"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"
NOT_RUN: Final = "not run"
_PACKAGE: Final = "clientflow_core.testing"
_COUNT: Final = frozenset({"NotSupported", "VendorBug", "LocalProvider"})
_SHOWN: Final = 3
_LONGEST_REASON: Final = 300


def evidence(item: pytest.Item, error: BaseException | None) -> dict[str, Any]:
    """Give what the run of *item*, which ended with *error* or well, proves.

    Plain values only, since it may go to another process.
    """
    cls: Any = getattr(item, "cls", None)
    name = getattr(item, "originalname", None) or item.name
    made = next(
        vars(parent)[name].__dict__[CHECK]
        for parent in cls.__mro__
        if hasattr(vars(parent).get(name), CHECK)
    )
    outcome, skip, reason = _outcome(error)
    if not hasattr(getattr(cls, name), CHECK):
        outcome, skip, reason = FAILED, None, "the test is the subclass's own: it proves nothing"
    return {
        "class": item.nodeid.rpartition("::")[0],
        "suite": _suite_of(cls).__qualname__,
        "suite_module": _suite_of(cls).__module__,
        "about": _about(cls),
        "id": made.id,
        "outcome": outcome,
        "skip": skip,
        "reason": reason,
    }


def _outcome(error: BaseException | None) -> tuple[str, str | None, str | None]:
    if error is None:
        return PASSED, None, None
    if isinstance(error, Skipped):
        return SKIPPED, type(error.skip).__name__, str(error.skip)
    if isinstance(error, pytest.skip.Exception):
        return FAILED, None, "skipped without a reason class: name it in `skips`"
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return FAILED, None, first[:_LONGEST_REASON]


def _suite_of(cls: type) -> type:
    """Give the class of the kit that *cls* is of."""
    return next(parent for parent in cls.__mro__ if parent.__module__.startswith(_PACKAGE))


@functools.cache
def _about(cls: Any) -> dict[str, Any]:
    module = cls.module_name()
    distribution = distribution_of(module)
    return {
        "provider": cls.spec.name,
        "kind": str(cls.spec.kind),
        "distribution": distribution.name if distribution else None,
        "version": distribution.version if distribution else None,
        "sdk": sdk_versions(cls.spec, distribution),
    }


@attrs.frozen(kw_only=True)
class Finding:
    """What was found of one check."""

    check: Check
    outcome: str
    skip: str | None = None
    reason: str | None = None

    @property
    def counts(self) -> bool:
        """Whether nothing about it stands in the way of its tier."""
        return self.outcome == PASSED or self.skip in _COUNT

    def state(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {
            "id": self.check.id,
            "group": self.check.group,
            "tier": str(self.check.tier),
            "outcome": self.outcome,
            "skip": self.skip,
            "reason": self.reason,
        }


@attrs.frozen(kw_only=True)
class Result:
    """What one class of tests has proven of its provider.

    Attributes:
        name: the class, as pytest calls it.
        about: the provider, its distribution and its SDK.
        findings: one for each check of the kit, those that were not run too.
    """

    name: str
    about: Mapping[str, Any]
    findings: Sequence[Finding]

    @property
    def tier(self) -> Tier | None:
        """The highest tier of which nothing is missing, nor of those before it."""
        reached = None
        for tier in Tier:
            if self._missing_of(tier):
                break
            reached = tier
        return reached

    @property
    def next_tier(self) -> Tier | None:
        """The first tier of which something is missing."""
        return next((tier for tier in Tier if self._missing_of(tier)), None)

    def missing(self) -> list[Finding]:
        """Give what keeps it from the next tier, in the order of the kit: the cheapest first."""
        return self._missing_of(self.next_tier) if self.next_tier else []

    def _missing_of(self, tier: Tier) -> list[Finding]:
        return [one for one in self.findings if one.check.tier is tier and not one.counts]

    def state(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {
            **self.about,
            "class": self.name,
            "tier": self.tier and str(self.tier),
            "missing": [one.check.id for one in self.missing()],
            "checks": [one.state() for one in self.findings],
        }

    def lines(self) -> Iterator[str]:
        """Give it for people."""
        count = dict.fromkeys((PASSED, FAILED, SKIPPED, NOT_RUN), 0)
        for one in self.findings:
            count[one.outcome] += 1
        told = ", ".join(f"{number} {outcome}" for outcome, number in count.items() if number)
        yield f"{self.about['provider']}: {self.tier or 'below bronze'} ({told})"
        missing = self.missing()
        if missing:
            yield f"  for {self.next_tier}:"
        for one in missing[:_SHOWN]:
            yield f"    {one.check.id}: {one.reason or one.outcome}"
        if len(missing) > _SHOWN:
            yield f"    and {len(missing) - _SHOWN} more"
        for one in self.findings:
            if one.outcome == SKIPPED:
                yield f"  left out: {one.check.id}: {one.reason}"


@attrs.frozen(kw_only=True)
class Results:
    """What a whole run has proven."""

    profile: Profile
    results: Sequence[Result]

    @classmethod
    def of(cls, found: Iterable[Mapping[str, Any]], *, profile: Profile) -> Self:
        """Put together the *evidence* of single checks, whichever process they come from."""
        classes: dict[str, list[Mapping[str, Any]]] = {}
        for one in found:
            classes.setdefault(one["class"], []).append(one)
        return cls(
            profile=profile,
            results=[_put_together(name, classes[name]) for name in sorted(classes)],
        )

    @property
    def lowest(self) -> Result | None:
        """The provider that is proven least."""
        order = [None, *Tier]
        return min(self.results, key=lambda one: order.index(one.tier), default=None)

    def write(self, path: Path) -> None:
        """Write the result file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.state(), indent=2) + "\n", "utf-8")

    def state(self) -> dict[str, Any]:
        """Give it as JSON: of the whole run the tier of the least proven provider."""
        lowest = self.lowest.state() if self.lowest else {"tier": None, "missing": []}
        return {
            "format": FORMAT,
            "profile": self.profile.name,
            "seed": self.profile.seed,
            "versions": {
                "python": platform.python_version(),
                "clientflow": version_of("clientflow"),
            },
            "tier": lowest["tier"],
            "missing": lowest["missing"],
            "providers": [one.state() for one in self.results],
        }

    def lines(self) -> Iterator[str]:
        """Give it for people."""
        for one in self.results:
            yield from one.lines()
        yield f"profile {self.profile.name}, --conformance-seed={self.profile.seed}"


def _put_together(name: str, found: Sequence[Mapping[str, Any]]) -> Result:
    suite = getattr(importlib.import_module(found[0]["suite_module"]), found[0]["suite"])
    by_id: dict[str, Mapping[str, Any]] = {}
    for one in found:
        # What failed once, such as when it was taken down again, has failed.
        if by_id.get(one["id"], {}).get("outcome") != FAILED:
            by_id[one["id"]] = one
    return Result(
        name=name,
        about=found[0]["about"],
        findings=[
            Finding(check=check, **_finding(by_id.get(check.id)))
            for check in checks_of(suite).values()
        ],
    )


def _finding(one: Mapping[str, Any] | None) -> dict[str, Any]:
    if one is None:
        return {"outcome": NOT_RUN}
    return {key: one[key] for key in ("outcome", "skip", "reason")}
