"""What an author names, and what every group of checks stands on."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import hypothesis
from hypothesis.strategies import SearchStrategy
from typing_extensions import override

from clientflow_core.providers.spec import AnySpec
from clientflow_core.sandbox import ProviderSandbox
from clientflow_core.testing.checks import checks_of
from clientflow_core.testing.profile import current_profile
from clientflow_core.testing.samples import Samples, take_samples
from clientflow_core.testing.skips import Skip
from clientflow_core.testing.stage import Stage

T = TypeVar("T")

_PHASES = (hypothesis.Phase.generate, hypothesis.Phase.shrink)
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Conformance:
    """The checks of a provider; subclass the one of its kind, such as ``ChannelConformance``.

    Attributes:
        spec: what the plugin registers.
        sandbox: the stand-in server; by default the one that the spec names.
        skips: by the id of a check, why it does not count.
        wrong_values: settings that the provider refuses; by default the last half of every secret
            is changed.
        event_values: by the name of an event of the sandbox, fields of it without a default.
        module: what is imported to register the provider; by default where ``spec.open`` is.
    """

    spec: ClassVar[AnySpec]
    sandbox: ClassVar[type[ProviderSandbox] | None] = None
    skips: ClassVar[Mapping[str, Skip]] = _NOTHING
    wrong_values: ClassVar[Mapping[str, str]] = _NOTHING
    event_values: ClassVar[Mapping[str, Mapping[str, str]]] = _NOTHING
    module: ClassVar[str | None] = None

    @override
    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        unknown = sorted(set(cls.skips) - set(checks_of(cls)))
        if unknown:
            msg = f"{cls.__name__}.skips names {', '.join(unknown)}, which the kit does not know"
            raise TypeError(msg)

    @classmethod
    def sandbox_class(cls) -> type[ProviderSandbox]:
        """Give the class of the stand-in server."""
        if cls.sandbox is not None:
            return cls.sandbox
        path = cls.spec.sandbox
        assert path, "name a sandbox: in the spec, or as an attribute of the test class"
        return load_sandbox(path)

    @classmethod
    def module_name(cls) -> str:
        """Name what is imported to register the provider."""
        if cls.module:
            return cls.module
        return str(getattr(inspect.unwrap(cls.spec.open), "__module__", None) or cls.__module__)

    def stage(self, *, public_url: bool = True) -> Stage:
        """Give the stage of one check; enter it.

        Args:
            public_url: whether the provider is told where it may report to.
        """
        return Stage(self.spec, self.sandbox_class(), is_public=public_url)

    async def use(self, provider: Any, stage: Stage) -> None:
        """Let *provider* do what it is there for, once; each kind has its own."""

    def samples(self) -> Samples:
        """Give the webhooks that the sandbox sends; they are taken once for each class."""
        return take_samples(self)

    def hold(self, strategy: SearchStrategy[T], claim: Callable[[T], None]) -> None:
        """Hold *claim* against what *strategy* gives, as often as the profile says."""
        profile = current_profile()

        def claimed(example: T) -> None:
            claim(example)

        test = hypothesis.given(strategy)(claimed)
        test = hypothesis.seed(profile.seed)(test)
        hypothesis.settings(
            max_examples=profile.examples,
            deadline=None,
            database=None,
            suppress_health_check=tuple(hypothesis.HealthCheck),
            report_multiple_bugs=False,
            phases=_PHASES if profile.shrinks else _PHASES[:1],
        )(test)()


def load_sandbox(path: str) -> type[ProviderSandbox]:
    """Import the class that *path*, a :attr:`ProviderSpec.sandbox`, names."""
    module, _, name = path.partition(":")
    found: object = getattr(importlib.import_module(module), name)
    assert isinstance(found, type), f"{path} is no class"
    assert issubclass(found, ProviderSandbox), f"{path} is no ProviderSandbox"
    return found
