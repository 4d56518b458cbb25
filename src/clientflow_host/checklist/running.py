"""Runs the checklist: every check at the same time, each on a deadline of its own."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Final

import attrs
from sqlalchemy.exc import SQLAlchemyError

from clientflow_core.contributions.checks import CheckResult, failed
from clientflow_core.errors import ClientFlowError, InvalidInput
from clientflow_core.persistence.repositories.checklist import SignOff, list_sign_offs
from clientflow_core.registry.leaks import hide_in, secrets_of
from clientflow_host.checklist.answers import Answer, Known, answer, answer_whole
from clientflow_host.checklist.catalogue import Item, load_catalogue
from clientflow_host.checklist.checks import load_checks
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext
from clientflow_host.checklist.plugin_checks import PluginCheck, plugin_checks
from clientflow_host.checklist.proofs import Proofs, read_proofs

# The item that asks whether all others are done.
_WHOLE: Final = "FP1"
# More would wait for each other's connections, and be told as slow.
_MOST_AT_ONCE: Final = 16


@attrs.frozen(kw_only=True)
class OwnCheck:
    """A check of ours, with what it works with."""

    check: HostCheck
    context: HostCheckContext

    @property
    def id(self) -> str:
        """The item that it answers."""
        return self.check.id

    async def run(self) -> CheckResult:
        """Run it; whatever happens, an answer comes of it, and no secret."""
        result = await self._result()
        return attrs.evolve(
            result,
            found=self._clean(result.found),
            expected=self._clean(result.expected),
            hint=self._clean(result.hint),
        )

    async def fix(self) -> str:
        """Mend what it has found; give a sentence on what was done.

        Raises:
            ClientFlowError: it could not be done.
        """
        if self.check.fix is None:
            return "nothing is known that would mend it"
        try:
            async with asyncio.timeout(self.check.deadline_seconds):
                return self._clean(await self.check.fix(self.context))
        except Exception as error:  # noqa: BLE001 - it is told, without secrets
            msg = self._clean(f"{type(error).__name__}: {error}")
            raise ClientFlowError(msg) from None

    async def _result(self) -> CheckResult:
        seconds = self.check.deadline_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self.check.run(self.context)
        except TimeoutError:
            found, hint = f"no answer within {seconds:g} s", "Look whether what it asks is stuck."
        except ClientFlowError as error:
            found, hint = str(error), error.remedy
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            found, hint = f"{type(error).__name__}: {error}", "Look whether the service runs."
        return failed(found, expected="an answer", hint=hint)

    def _clean(self, text: str) -> str:
        return hide_in(text, _secrets_of(self.context))


AnyCheck = OwnCheck | PluginCheck


@attrs.frozen(kw_only=True)
class Chosen:
    """Which of it is run: all, or less.

    Attributes:
        ids: only these items, or checks of plugins by their names.
        section: only of this section, or group within one; a part of its title is enough.
        plugin: only what this plugin checks, what is no item too.
    """

    ids: Collection[str] = ()
    section: str | None = None
    plugin: str | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return not (self.ids or self.section or self.plugin)


@attrs.frozen(kw_only=True)
class Answered:
    """An item with its answer.

    Attributes:
        item: as the catalogue has it; made up for a plugin's own check.
        answer: to it.
        checks: what was run for it.
    """

    item: Item
    answer: Answer
    checks: Sequence[AnyCheck] = ()

    @property
    def fix(self) -> AnyCheck | None:
        """The check that knows how to mend it, if there is one."""
        return next((one for one in self.checks if fix_title(one)), None)


Tell = Callable[[int, int], None]
"""Is told how many checks have ended, and how many there are."""


def fix_title(check: AnyCheck) -> str:
    """Tell what a check's fix would do; empty where it has none."""
    return check.check.fix_title if isinstance(check, OwnCheck) else check.spec.fix_title


async def run_checklist(
    context: HostCheckContext,
    *,
    chosen: Chosen,
    tell: Tell = lambda done, of: None,
    proofs: Proofs | None = None,
) -> Sequence[Answered]:
    """Answer the items that are chosen, in the order of the checklist; then plugins' own checks.

    Args:
        context: what the checks work with.
        chosen: which of them.
        tell: is told how far it is.
        proofs: of the tests; by default those that are kept for this build.

    Raises:
        InvalidInput: what is chosen is not there.
    """
    checks = _all_checks(context)
    wanted = choose(checks, chosen, plugins=[one.name for one in context.registry.plugins])
    ids = {item.same_as or item.id for item in wanted}
    run = [one for one in checks if one.id in ids and _is_of(one, chosen.plugin)]
    known = await _known(context, await _run(run, tell), proofs=proofs)
    answered = [_answered(item, known, run) for item in wanted]
    if not chosen.is_everything:
        return answered
    whole = [one.answer for one in answered]
    return [
        attrs.evolve(one, answer=answer_whole(one.item, whole)) if one.item.id == _WHOLE else one
        for one in answered
    ]


async def answer_again(done: Answered, context: HostCheckContext) -> Answered:
    """Answer one item once more, after something was mended."""
    known = await _known(context, await _run(done.checks, lambda done, of: None))
    return _answered(done.item, known, done.checks)


async def _known(
    context: HostCheckContext,
    results: Sequence[tuple[AnyCheck, CheckResult]],
    *,
    proofs: Proofs | None = None,
) -> Known:
    found = defaultdict[str, list[CheckResult]](list)
    for check, result in results:
        found[check.id].append(result)
    return Known(
        checks=found,
        plugins=frozenset(plugin.name for plugin in context.registry.plugins),
        proofs=proofs or read_proofs(),
        sign_offs=await _sign_offs(context),
        now=context.now,
    )


def _all_checks(context: HostCheckContext) -> list[AnyCheck]:
    ours = [OwnCheck(check=one, context=context) for one in load_checks().values()]
    public_url = context.settings.url
    theirs = plugin_checks(context.registry, public_url=public_url, clock=context.clock)
    return [*ours, *theirs]


def choose(
    checks: Sequence[AnyCheck], chosen: Chosen, *, plugins: Collection[str]
) -> Sequence[Item]:
    """Give the items that are chosen, in the order of the checklist; then plugins' own checks.

    Raises:
        InvalidInput: what is chosen is not there.
    """
    if chosen.plugin is not None and chosen.plugin not in plugins:
        enabled = ", ".join(sorted(plugins)) or "none"
        msg = f"the plugin {chosen.plugin!r} is not enabled (enabled are: {enabled})"
        raise InvalidInput(msg)
    items = load_catalogue()
    extra = {one.id: _of_plugin(one) for one in checks if one.id not in items}
    ids = {_spelled(one) for one in chosen.ids}
    if unknown := sorted(ids - {*items, *extra}):
        msg = (
            f"there is no item {', '.join(unknown)}: items are such as EA1, and enabled plugins"
            f" have checks of their own: {', '.join(sorted(extra)) or 'none'}"
        )
        raise InvalidInput(msg)
    theirs = {one.id for one in checks if _is_of(one, chosen.plugin)}
    return [
        item
        for item in _in_section([*items.values(), *extra.values()], chosen.section)
        if (not ids or item.id in ids) and (chosen.plugin is None or item.id in theirs)
    ]


def _in_section(items: Sequence[Item], section: str | None) -> Sequence[Item]:
    if section is None:
        return items
    wanted = section.casefold()
    found = [
        item
        for item in items
        if wanted in item.section.casefold() or wanted in item.group.casefold()
    ]
    if not found:
        there = dict.fromkeys(item.section for item in items)
        msg = f"no section is called {section!r}; there are: {', '.join(there)}"
        raise InvalidInput(msg)
    return found


def _spelled(name: str) -> str:
    return name.upper() if name.upper() in load_catalogue() else name


def _is_of(check: AnyCheck, plugin: str | None) -> bool:
    """Tell whether it is a check of *plugin*; every check is, where none is named."""
    if plugin is None:
        return True
    return isinstance(check, PluginCheck) and check.plugin.name == plugin


def _of_plugin(check: AnyCheck) -> Item:
    """Make an item of what a plugin checks beside the checklist."""
    words = check.spec.title if isinstance(check, PluginCheck) else check.id
    group = check.plugin.name if isinstance(check, PluginCheck) else ""
    return Item(
        id=check.id,
        section="Plugins",
        group=group,
        words=words,
        expected="what the plugin expects",
        proof="C",
    )


async def _run(checks: Sequence[AnyCheck], tell: Tell) -> Sequence[tuple[AnyCheck, CheckResult]]:
    done, turn = 0, asyncio.Semaphore(_MOST_AT_ONCE)

    async def run(check: AnyCheck) -> tuple[AnyCheck, CheckResult]:
        nonlocal done
        async with turn:
            result = await check.run()
        done += 1
        tell(done, len(checks))
        return check, result

    return await asyncio.gather(*(run(one) for one in checks))


async def _sign_offs(context: HostCheckContext) -> Sequence[SignOff]:
    """List them; none where the database is away, of which the checks tell."""
    try:
        async with context.database.system() as transaction:
            return await list_sign_offs(transaction)
    except (ClientFlowError, SQLAlchemyError, OSError, TimeoutError):
        return ()


def _answered(item: Item, known: Known, run: Sequence[AnyCheck]) -> Answered:
    source = item if item.same_as is None else load_catalogue()[item.same_as]
    given = answer(source, known)
    checks = [one for one in run if one.id == source.id]
    return Answered(item=item, answer=attrs.evolve(given, id=item.id), checks=checks)


def _secrets_of(context: HostCheckContext) -> list[str]:
    """Give what must not be shown: the secret settings of the host."""
    groups = attrs.asdict(context.settings, recurse=False).values()
    return [one for group in (context.settings, *groups) for one in secrets_of(group)]
