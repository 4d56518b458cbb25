"""What an author names, and what every group of checks stands on."""

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import hypothesis
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from hypothesis.strategies import SearchStrategy
from typing_extensions import override

from clientflow_core.providers.spec import AnySpec, ProviderKind
from clientflow_core.sandbox import ProviderSandbox
from clientflow_core.testing.calls import OrdinaryCall
from clientflow_core.testing.checks import checks_of
from clientflow_core.testing.local import sandbox_of
from clientflow_core.testing.profile import Profile, current_profile
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
        sandbox: the stand-in server; by default the one that the spec names. Of a local provider
            a :class:`LocalSandbox`, by default one to which nothing happens.
        skips: by the id of a check, why it does not count.
        wrong_values: settings that the provider refuses; by default the last half of every secret
            is changed.
        event_values: by the name of an event of the sandbox, fields of it without a default.
        module: what is imported to register the provider; by default where ``spec.open`` is.
        kind: which providers it is for; None for every one. Each kind's class says it.
    """

    spec: ClassVar[AnySpec]
    sandbox: ClassVar[type[ProviderSandbox] | None] = None
    skips: ClassVar[Mapping[str, Skip]] = _NOTHING
    wrong_values: ClassVar[Mapping[str, str]] = _NOTHING
    event_values: ClassVar[Mapping[str, Mapping[str, str]]] = _NOTHING
    module: ClassVar[str | None] = None
    kind: ClassVar[ProviderKind | None] = None

    @override
    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        unknown = sorted(set(cls.skips) - set(checks_of(cls)))
        if unknown:
            msg = f"{cls.__name__}.skips names {', '.join(unknown)}, which the kit does not know"
            raise TypeError(msg)
        spec = getattr(cls, "spec", None)
        if spec is not None and cls.kind not in {None, spec.kind}:
            msg = f"{cls.__name__} holds a {cls.kind} to account, and {spec.name} is a {spec.kind}"
            raise TypeError(msg)

    @classmethod
    def sandbox_class(cls) -> type[ProviderSandbox]:
        """Give the class of the stand-in server."""
        if cls.sandbox is not None:
            return cls.sandbox
        if cls.spec.is_local:
            return sandbox_of(cls.spec)
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

    async def calls(self, provider: Any, stage: Stage) -> Sequence[OrdinaryCall]:
        """Give what such a provider is ordinarily asked, beside ``verify``; each kind has its own.

        Args:
            provider: makes what the calls need to be there, such as a customer.
            stage: where all of this happens.
        """
        del provider, stage
        return ()

    async def use(self, provider: Any, stage: Stage) -> None:
        """Let *provider* do what it is there for, once."""
        for call in await self.calls(provider, stage):
            await call.ask(provider)

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
        self._settings(profile)(test)()

    def play(self, machine: Callable[[], RuleBasedStateMachine], *, steps: int) -> None:
        """Play *machine*, a stateful model, as often as the profile says.

        Args:
            machine: makes a new one.
            steps: how many rules it follows at most each time.
        """
        profile = current_profile()

        def make() -> RuleBasedStateMachine:
            return machine()

        # Typed for a class alone, and takes whatever makes a machine.
        run: Any = run_state_machine_as_test
        settings = hypothesis.settings(self._settings(profile), stateful_step_count=steps)
        run(hypothesis.seed(profile.seed)(make), settings=settings)

    def _settings(self, profile: Profile) -> hypothesis.settings:
        return hypothesis.settings(
            max_examples=profile.examples,
            deadline=None,
            database=None,
            suppress_health_check=tuple(hypothesis.HealthCheck),
            report_multiple_bugs=False,
            phases=_PHASES if profile.shrinks else _PHASES[:1],
        )


def load_sandbox(path: str) -> type[ProviderSandbox]:
    """Import the class that *path*, a :attr:`ProviderSpec.sandbox`, names."""
    module, _, name = path.partition(":")
    found: object = getattr(importlib.import_module(module), name)
    assert isinstance(found, type), f"{path} is no class"
    assert issubclass(found, ProviderSandbox), f"{path} is no ProviderSandbox"
    return found
