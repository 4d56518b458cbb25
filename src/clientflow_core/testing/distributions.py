"""Which distribution brings a provider, and which one its SDK."""

import importlib.metadata
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError
from typing import Final

from clientflow_core.hookspecs import ENTRY_POINT_GROUP
from clientflow_core.providers.spec import AnySpec

_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


def entry_point_of(module: str) -> EntryPoint | None:
    """Give the entry point that names *module*, or a package that it is in."""
    found = [
        point
        for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)
        if f"{module}.".startswith(f"{point.module}.")
    ]
    return max(found, key=lambda point: len(point.module), default=None)


def distribution_of(module: str) -> Distribution | None:
    """Give the distribution that brings *module*."""
    point = entry_point_of(module)
    return point.dist if point else None


def sdk_versions(spec: AnySpec, distribution: Distribution | None) -> dict[str, str]:
    """Give the installed versions of what the extra ``spec.requires`` brings, by distribution."""
    wanted = _requirements(distribution, extra=spec.requires) if spec.requires else ()
    return {name: version for name in wanted if (version := version_of(name))}


def version_of(name: str) -> str | None:
    """Give the version of the distribution *name*; None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except PackageNotFoundError:
        return None


def _requirements(distribution: Distribution | None, *, extra: str | None) -> Iterator[str]:
    for line in (distribution.requires if distribution else None) or ():
        requirement, _, marker = line.partition(";")
        name = _NAME.match(requirement.strip())
        if name and extra and re.search(rf"extra\s*==\s*[\"']{re.escape(extra)}[\"']", marker):
            yield name[0]


def bound_on(distribution: Distribution, name: str) -> str | None:
    """Give what *distribution* asks of the version of *name*, such as ``>=0.1,<1``."""
    for line in distribution.requires or ():
        requirement = line.partition(";")[0].strip()
        named = _NAME.match(requirement)
        if named and named[0].lower().replace("_", "-") == name:
            return requirement[len(named[0]) :].strip()
    return None
