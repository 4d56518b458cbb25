"""Work of a plugin's own that outlives a request, and work at regular times."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import attrs

from clientflow_core.contributions.checking import is_async, is_deadline, is_name
from clientflow_core.contributions.context import Asking, PluginContext

LONGEST_JOB_SECONDS: Final = 300.0
MOST_ATTEMPTS: Final = 100


@attrs.frozen(kw_only=True)
class JobContext(PluginContext):
    """What a job works with.

    Attributes:
        organization_id: for whom it is done; None for a job that a schedule asked for.
        args: what was given when it was asked for.
        attempt: 1 for the first. One that ends well may still be repeated, if its worker dies at
            that moment: do twice what may be done twice, and look before you do the rest.
    """

    organization_id: uuid.UUID | None
    args: Mapping[str, str]
    attempt: int
    _asking: Asking = attrs.field(alias="asking", repr=False)

    def enqueue(
        self, name: str, args: Mapping[str, str] | None = None, *, delay_seconds: float = 0
    ) -> None:
        """Ask for a job of this plugin, for the same organization, once this one has ended well.

        Args:
            name: of its :class:`JobSpec`.
            args: ids and codes, each at most 200 characters; read the rest when it runs.
            delay_seconds: how long it waits first.

        Raises:
            LookupError: the plugin brings no such job.
            ValueError: an argument is no short text.
        """
        self._asking.ask(name, args, delay_seconds=delay_seconds)


@attrs.frozen(kw_only=True)
class JobSpec:
    """A kind of job. The record of jobs calls it ``{plugin}.{name}``.

    Attributes:
        name: lower case; must stay the same as long as one of them may be waiting.
        handle: does it; an exception puts it back, to be tried again later and later.
        deadline_seconds: a run that takes longer is cancelled, and tried again; at most 300.
        max_attempts: after so many it is a dead letter: kept and shown, and not run again.
    """

    name: str = attrs.field(validator=is_name)
    handle: Callable[[JobContext], Awaitable[None]] = attrs.field(validator=is_async)
    deadline_seconds: float = attrs.field(default=60.0, validator=is_deadline(LONGEST_JOB_SECONDS))
    max_attempts: int = attrs.field(
        default=14,
        validator=[
            attrs.validators.instance_of(int),
            attrs.validators.ge(1),
            attrs.validators.le(MOST_ATTEMPTS),
        ],
    )


@attrs.frozen(kw_only=True)
class ScheduleSpec:
    """A job that is asked for again and again, once for each slot of time, whoever works.

    Attributes:
        name: lower case; its slots are kept under it, so it must stay the same.
        every_seconds: how long a slot is, at least 1; slots are counted from midnight of 1 January
            1970, UTC. Of those that went by while no worker ran, only the present one is made up.
        job: the name of the plugin's job that is asked for, without organization and arguments.
    """

    name: str = attrs.field(validator=is_name)
    every_seconds: int = attrs.field(
        validator=[attrs.validators.instance_of(int), attrs.validators.ge(1)]
    )
    job: str
