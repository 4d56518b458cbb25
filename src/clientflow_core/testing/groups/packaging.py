"""What comes with a plugin when somebody else installs it."""

import importlib.resources
from typing import Final

from clientflow_core.registry.finding import discover_plugins
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.distributions import bound_on, distribution_of, entry_point_of

_OWN: Final = "clientflow"


class PackagingChecks(Conformance):
    """The distribution."""

    @check("packaging.is-found-by-its-entry-point", Tier.SILVER)
    def test_is_found_by_its_entry_point(self) -> None:
        """An installed distribution names the plugin, and asking it gives this very spec."""
        point = entry_point_of(self.module_name())
        assert point, (
            f"no entry point of the group clientflow.plugins names {self.module_name()}: "
            "install the distribution"
        )
        (plugin,) = discover_plugins([point])
        assert self.spec in plugin.specs, f"{plugin.source} does not register {self.spec.name!r}"

    @check("packaging.says-which-core", Tier.GOLD)
    def test_says_which_core(self) -> None:
        """The distribution depends on ``clientflow``, from a version on and below the next."""
        distribution = distribution_of(self.module_name())
        assert distribution, "it is not installed as a distribution"
        if distribution.name == _OWN:
            return
        bound = bound_on(distribution, _OWN)
        assert bound is not None, f"{distribution.name} does not depend on {_OWN}"
        assert ">=" in bound, f"it takes any {_OWN}: say from which version on"
        assert "<" in bound, f"it takes every {_OWN} to come: say below which version"

    @check("packaging.is-typed", Tier.PLATINUM)
    def test_is_typed(self) -> None:
        """The package has the marker ``py.typed``, so that its types count for who uses it."""
        package = self.module_name().partition(".")[0]
        marker = importlib.resources.files(package) / "py.typed"
        assert marker.is_file(), f"{package} has no py.typed"
