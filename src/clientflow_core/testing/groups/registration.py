"""What it costs that a plugin is there, and whether it is what it says."""

import functools
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import attrs

from clientflow_core.providers.interfaces import interface_of
from clientflow_core.registry.discovery import load_plugin
from clientflow_core.registry.installed import describe
from clientflow_core.registry.manifest import (
    FILE_NAME,
    describe_provider,
    manifest_of,
    manifest_paths,
    read_manifest,
)
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.distributions import entry_point_of
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.stage import Stage

BUDGET_SECONDS: Final = 0.030
# Of what the modules below cost on the same machine at the same moment: the budget of a slow one.
_BUDGET_SHARE: Final = 0.15
_TRIES: Final = 5
_DEADLINE_SECONDS: Final = 60
# What a plugin may import to describe itself: it is there anyway.
_ON_THE_HOUSE: Final = (
    "clientflow_core.hookspecs",
    "clientflow_core.settings",
    "clientflow_core.providers.spec",
    "clientflow_core.providers.channel",
    "clientflow_core.providers.billing",
    "clientflow_core.providers.calendar",
    "clientflow_core.providers.assistant",
    "clientflow_core.providers.identity",
    "clientflow_core.providers.observer",
    "clientflow_core.domain.phone_numbers",
    "clientflow_core.registry.registry",
)
_WRITES_IT: Final = "clientflow plugin manifest"
_HEAVY: Final = ("aiohttp.web", "clientflow_core.sandbox", "clientflow_core.testing", "pytest")
_PROGRAM: Final = """
import importlib, sys, time
sys.path[:] = {path!r}
begun = time.process_time()
for name in {free!r}:
    importlib.import_module(name)
house = time.process_time() - begun
before = set(sys.modules)
begun = time.process_time()
importlib.import_module({module!r})
print(house, time.process_time() - begun)
print(*sorted(set(sys.modules) - before))
"""


class RegistrationChecks(Conformance):
    """Import, and what the spec says of itself."""

    @check("import.costs-little", Tier.BRONZE)
    def test_import_costs_little(self) -> None:
        """Importing what registers the provider takes at most 30 ms of CPU beyond the core's."""
        found = []
        for _ in range(_TRIES):
            house, cost, _names = import_alone(self.module_name())
            found.append(cost - max(BUDGET_SECONDS, _BUDGET_SHARE * house))
            if found[-1] <= 0:
                return
        over = min(found) + BUDGET_SECONDS
        msg = f"importing {self.module_name()} takes {over * 1000:.0f} ms of CPU at best"
        raise AssertionError(f"{msg}, and may take {BUDGET_SECONDS * 1000:.0f}")

    @check("import.brings-no-sdk", Tier.BRONZE)
    def test_import_brings_no_sdk(self) -> None:
        """What registers the provider imports neither an SDK nor a web server: ``open`` does."""
        _, _, names = import_once(self.module_name())
        own = self.module_name().partition(".")[0]
        heavy = [name for name in names if name in _HEAVY or name.split(".")[0] in self._sdks()]
        foreign = {name.split(".")[0] for name in names} - sys.stdlib_module_names
        # What it is made of, and what the core would import as well once it is used.
        unknown = foreign - {own, "clientflow_core", "clientflow_plugins", *_libraries()}
        bad = sorted({*heavy, *(name for name in unknown if not name.startswith("_"))})
        assert not bad, (
            f"importing {self.module_name()} brings {', '.join(bad)}: import them where the "
            "provider is opened, or where they are used"
        )

    @check("manifest.equals-the-code", Tier.BRONZE)
    def test_manifest_equals_the_code(self) -> None:
        """What ``clientflow.json`` says of the plugin, for who does not import it, is so."""
        file = next(filter(Path.is_file, manifest_paths(self.module_name())), None)
        if file is None:
            leave_out(NotSupported(f"there is no {FILE_NAME}: {_WRITES_IT} writes it"))
        try:
            manifest = read_manifest(file.read_bytes())
        except ValueError as error:
            msg = f"{file} cannot be read, since {error}: {_WRITES_IT}"
            raise AssertionError(msg) from error
        point = entry_point_of(self.module_name())
        found = next((one for one in manifest.providers if one.name == self.spec.name), None)
        said = describe_provider(self.spec, point.dist if point else None)
        if point is None and found is not None:
            # Only what brings the plugin says which versions of the SDK it needs.
            said = attrs.evolve(said, sdks=found.sdks)
        differs = _difference(found, said) if found else f"has no provider {self.spec.name!r}"
        if point is not None and not differs:
            (installed,) = describe([point])
            differs = _difference(manifest, manifest_of(load_plugin(installed), point.dist))
        assert not differs, f"{file} {differs}: {_WRITES_IT}"

    @check("manifest.opens-its-kind", Tier.BRONZE)
    async def test_opens_what_its_kind_says(self, stage: Stage) -> None:
        """``open`` gives an object of the class that stands for the kind."""
        async with stage.provider() as provider:
            wanted = interface_of(self.spec.kind)
            assert isinstance(provider, wanted), (
                f"open gives {type(provider).__name__}, which is no {wanted.__name__}"
            )

    @check("manifest.addresses-are-named", Tier.BRONZE)
    async def test_addresses_are_named(self, stage: Stage) -> None:
        """``addresses`` gives texts, each once; it reads the settings and nothing else."""
        found = list(stage.addresses())
        strange = [one for one in found if str(one).strip() != one or not one]
        assert not strange, f"addresses gives {strange[0]!r}"
        assert len(set(found)) == len(found), f"addresses gives one of {found!r} twice"

    def _sdks(self) -> frozenset[str]:
        return frozenset(self.spec.sdk_modules)


def _difference(found: Any, said: Any) -> str | None:
    """Tell the first field in which a manifest, or a part of one, is not what the code says."""
    for field in attrs.fields(type(said)):
        has, should = getattr(found, field.name), getattr(said, field.name)
        if has != should:
            return f"says of {field.name} {has!r}, and the code says {should!r}"
    return None


def import_alone(module: str) -> tuple[float, float, list[str]]:
    """Import *module* in a new interpreter.

    Returns:
        The seconds of CPU that the core takes, those that *module* takes after it, and the names
        of the modules that have come with it.
    """
    program = _PROGRAM.format(path=sys.path, free=_ON_THE_HOUSE, module=module)
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        timeout=_DEADLINE_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, f"{module} cannot be imported alone:\n{ran.stderr}"
    costs, names = ran.stdout.splitlines()[-2:]
    house, cost = costs.split()
    return float(house), float(cost), names.split()


import_once = functools.cache(import_alone)


def _libraries() -> frozenset[str]:
    """Give the packages that the library part of the core stands on."""
    return frozenset(
        {"aiohttp", "attr", "attrs", "cattr", "cattrs", "dotenv", "lazy_loader", "multidict"}
        | {"phonenumbers", "pluggy", "structlog", "typing_extensions", "yarl", "packaging"}
    )
