"""What a plugin brings beside its providers: asked for once, checked, and then only read."""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator
from typing import Final

import attrs

from clientflow_core.contributions.checks import CheckSpec
from clientflow_core.contributions.commands import CommandSpec
from clientflow_core.contributions.context import HostContext
from clientflow_core.contributions.drafts import SendStep
from clientflow_core.contributions.events import EventListener
from clientflow_core.contributions.jobs import JobSpec, ScheduleSpec
from clientflow_core.contributions.pages import PageSpec
from clientflow_core.contributions.redactions import RedactionRule
from clientflow_core.contributions.routes import RouteSpec, shape_of
from clientflow_core.contributions.routing import Router
from clientflow_core.contributions.webhooks import PluginWebhook
from clientflow_core.hookspecs import Hooks
from clientflow_core.registry.hook_calls import PluginHooks, RuleBroken
from clientflow_core.settings import setting_fields

Moment = Callable[[HostContext], Awaitable[None]]

NOTHING: Final[tuple[()]] = ()


@attrs.frozen(kw_only=True)
class Contributions:
    """What one plugin brings beside its providers.

    Attributes:
        startup: awaited when a process begins; None if nothing is.
        shutdown: awaited when it ends.
    """

    settings: tuple[type, ...] = NOTHING
    webhooks: tuple[PluginWebhook, ...] = NOTHING
    routes: tuple[RouteSpec, ...] = NOTHING
    pages: tuple[PageSpec, ...] = NOTHING
    jobs: tuple[JobSpec, ...] = NOTHING
    schedules: tuple[ScheduleSpec, ...] = NOTHING
    listeners: tuple[EventListener, ...] = NOTHING
    send_steps: tuple[SendStep, ...] = NOTHING
    routers: tuple[Router, ...] = NOTHING
    commands: tuple[CommandSpec, ...] = NOTHING
    checks: tuple[CheckSpec, ...] = NOTHING
    redactions: tuple[RedactionRule, ...] = NOTHING
    startup: Moment | None = None
    shutdown: Moment | None = None

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return self != Contributions()

    @property
    def job_names(self) -> frozenset[str]:
        """The names of the plugin's jobs."""
        return frozenset(job.name for job in self.jobs)

    @property
    def has_work(self) -> bool:
        """Whether the worker has anything to do for the plugin, in a lane of its own."""
        return bool(self.jobs or self.listeners or self.webhooks)


def contributions_of(hooks: PluginHooks) -> Contributions:
    """Ask a plugin for what it brings beside its providers.

    Raises:
        RuleBroken: it breaks the rules of registration.
        Exception: a hook's own.
    """
    found = Contributions(
        settings=tuple(hooks.collect(Hooks.clientflow_settings, of=type)),
        webhooks=tuple(hooks.collect(Hooks.clientflow_webhooks, of=PluginWebhook)),
        routes=tuple(hooks.collect(Hooks.clientflow_routes, of=RouteSpec)),
        pages=tuple(hooks.collect(Hooks.clientflow_pages, of=PageSpec)),
        jobs=tuple(hooks.collect(Hooks.clientflow_jobs, of=JobSpec)),
        schedules=tuple(hooks.collect(Hooks.clientflow_schedules, of=ScheduleSpec)),
        listeners=tuple(hooks.collect(Hooks.clientflow_on_event, of=EventListener)),
        send_steps=tuple(hooks.collect(Hooks.clientflow_before_send, of=SendStep)),
        routers=tuple(hooks.collect(Hooks.clientflow_route, of=Router)),
        commands=tuple(hooks.collect(Hooks.clientflow_commands, of=CommandSpec)),
        checks=tuple(hooks.collect(Hooks.clientflow_checks, of=CheckSpec)),
        redactions=tuple(hooks.collect(Hooks.clientflow_redactions, of=RedactionRule)),
        startup=hooks.moment(Hooks.clientflow_startup),
        shutdown=hooks.moment(Hooks.clientflow_shutdown),
    )
    for what, marks in _marks(found):
        _refuse_twice(what, marks)
    for settings_class in found.settings:
        if not attrs.has(settings_class) or not setting_fields(settings_class):
            msg = f"{settings_class.__name__} is no attrs class with fields made by setting()"
            raise RuleBroken(msg)
    for webhook in found.webhooks:
        if webhook.settings not in found.settings:
            msg = (
                f"the settings of the webhook {webhook.name!r} are {webhook.settings!r}, which"
                " clientflow_settings does not give"
            )
            raise RuleBroken(msg)
    for schedule in found.schedules:
        if schedule.job not in found.job_names:
            msg = f"the schedule {schedule.name!r} asks for the job {schedule.job!r}, which is none"
            raise RuleBroken(msg)
    return found


def _marks(found: Contributions) -> Iterator[tuple[str, Iterable[Hashable]]]:
    """Give what each thing is known by, among those of its kind."""
    yield "settings classes", found.settings
    yield "webhooks", (webhook.name for webhook in found.webhooks)
    yield "routes", ((route.method, shape_of(route.path)) for route in found.routes)
    yield "routes whose function is", (route.name for route in found.routes)
    yield "pages", (page.path for page in found.pages)
    yield "jobs", (job.name for job in found.jobs)
    yield "schedules", (schedule.name for schedule in found.schedules)
    yield "listeners", (listener.name for listener in found.listeners)
    yield "steps before sending", (step.name for step in found.send_steps)
    yield "routers", (router.name for router in found.routers)
    yield "commands", (command.name for command in found.commands)
    yield "checks", (check.id for check in found.checks)
    yield "redactions", (rule.name for rule in found.redactions)


def _refuse_twice(what: str, marks: Iterable[Hashable]) -> None:
    seen: set[Hashable] = set()
    for mark in marks:
        if mark in seen:
            words = " ".join(mark) if isinstance(mark, tuple) else mark
            msg = f"it brings two {what} {words!r}; rename one"
            raise RuleBroken(msg)
        seen.add(mark)
