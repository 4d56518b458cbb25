"""Whether the versions that are installed fit each other, asked before anything is imported."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from clientflow_core.registry.manifest import DescribedProvider

_LOWER = frozenset({">=", ">", "~=", "=="})


def core_trouble(source: str, wanted: str | None, *, distribution: str | None) -> str | None:
    """Say why a plugin is for another ClientFlow than this; None if it is for this one.

    Args:
        source: whose the plugin is.
        wanted: the versions that fit, such as ``>=0.1,<1``; None or empty if every one does.
        distribution: what ``pip`` calls the plugin.

    Raises:
        ValueError: *wanted* cannot be read.
    """
    here = installed_version("clientflow")
    if not wanted or here is None:
        return None
    if (versions := _misfit(here, wanted)) is None:
        return None
    told = f"{source} is made for clientflow {wanted}, and {here} is installed"
    if _is_too_old(here, versions):
        return f"{told}: upgrade clientflow: pip install 'clientflow{wanted}'"
    return f"{told}: {_upgrade(distribution)}"


def sdk_trouble(
    source: str, provider: "DescribedProvider", *, distribution: str | None
) -> str | None:
    """Say which part of its SDK is of a version that *provider* cannot use; None if none is.

    What is not installed at all is told elsewhere.

    Raises:
        ValueError: the versions that it wants cannot be read.
    """
    for name, wanted in provider.sdks.items():
        here = installed_version(name)
        if here is None or not wanted or (versions := _misfit(here, wanted)) is None:
            continue
        told = f"{source} needs {name} {wanted} for {provider.name!r}, and {here} is installed"
        fitting = f"pip install '{name}{wanted}'"
        if _is_too_old(here, versions):
            return f"{told}: upgrade {name}: {fitting}"
        return f"{told}: {_upgrade(distribution)}, or go back: {fitting}"
    return None


def installed_version(name: str) -> str | None:
    """Give the version of the distribution *name*; None if it is not installed."""
    # Late: where the index is warm nobody needs it.
    import importlib.metadata  # noqa: PLC0415

    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _misfit(here: str, wanted: str) -> "SpecifierSet | None":
    """Give *wanted*, parsed, if *here* is not of it."""
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415 - late: takes its time

    versions = SpecifierSet(wanted)
    # A prerelease is taken for what it comes before: who has one has chosen it.
    return None if versions.contains(here, prereleases=True) else versions


def _is_too_old(here: str, versions: "SpecifierSet") -> bool:
    from packaging.version import Version  # noqa: PLC0415 - as above

    found = Version(here)
    for one in versions:
        if one.operator in _LOWER:
            lowest = Version(one.version.removesuffix(".*"))
            if found < lowest or (one.operator == ">" and found == lowest):
                return True
    return False


def _upgrade(distribution: str | None) -> str:
    if distribution is None:
        return "upgrade the plugin, which is not installed by pip"
    return f"upgrade the plugin: pip install --upgrade {distribution}"
