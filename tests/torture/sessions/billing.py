"""R8: what payers do, told twice, out of order or not at all: we say what the provider says.

A history is the life of one subscription: bought, changed some times, and over in the end or not.
What was not told at all is made up for by the reconciliation that runs each night; here it is asked
for at the end of a history that has lost something, and only then.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Any, Final

from tests.torture.evidence import check_jobs, check_subscriptions
from tests.torture.history import Verdict
from tests.torture.killer import Killer, killing
from tests.torture.offers import buy_plan
from tests.torture.report import Options, Result, say
from tests.torture.system import System, running_system

_STEPS: Final = (
    "customer.subscription.updated",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
)
_OVER: Final = "customer.subscription.deleted"
_MOST_STEPS: Final = 8
_ENDING: Final = 0.3
# Between two steps, so that they are taken in the order of the dice.
_STEP_SECONDS: Final = 0.01


async def run(options: Options) -> Result:
    """Play ``n`` histories, with a kill -9 of a worker every ``seconds``."""
    result = Result.begin("billing", "R8", options)
    dice = options.chance("histories")
    async with running_system(result) as system:
        killer = Killer(
            system=system,
            chance=options.chance("killer"),
            every_seconds=options.seconds,
            victims=system.workers,
        )
        async with killing(killer, result):
            for number in range(options.n):
                await play(system, result, random.Random(dice.random()))
                await judge(system, result, number)
        await system.ready()
        await system.quiet()
        verdict = Verdict()
        check_jobs(system, verdict)
        result.lost += verdict.lost
    result.figures["histories equal to the provider"] = options.n - len(
        {one.partition(":")[0] for one in result.lost if one.startswith("history")}
    )
    return result


async def play(system: System, result: Result, dice: random.Random) -> None:
    """Play one history."""
    await misbehave(system)
    if not await alive(system):
        await buy_plan(system)
    trouble = {
        "times": dice.randint(1, 3),
        "shuffled": dice.random() < 0.5,
        "drop": dice.choice((0, 0, 1, 3)),
    }
    await misbehave(system, **trouble)
    steps = dice.choices(_STEPS, k=dice.randint(1, _MOST_STEPS))
    await happen(system, steps)
    if dice.random() < _ENDING:
        # By itself, since nothing can happen to it any more afterwards.
        await happen(system, [_OVER])
    result.count("events told several times", len(steps) if trouble["times"] > 1 else 0)
    result.count("histories told out of order", trouble["shuffled"])
    result.count("events never told", min(trouble["drop"], len(steps)))
    await system.quiet()
    if trouble["drop"]:
        await reconcile(system)


async def happen(system: System, steps: Sequence[str]) -> None:
    """Take *steps*, the next before the news of the one before have come."""
    told = []
    for step in steps:
        told.append(asyncio.create_task(system.control("stripe", "inbound", {"event": step})))
        await asyncio.sleep(_STEP_SECONDS)
    await asyncio.gather(*told)


async def misbehave(system: System, **webhooks: Any) -> None:
    """Have the webhooks of the stand-in misbehave so; without anything, have them behave."""
    await system.control("stripe", "faults", {"webhooks": webhooks})


async def alive(system: System) -> bool:
    """Tell whether the provider has a subscription that is not over."""
    held = (await system.sandbox_state("stripe"))["subscriptions"]
    return any(one["status"] not in {"canceled", "incomplete_expired"} for one in held)


async def reconcile(system: System) -> None:
    """Have done now what is done each night."""
    with_jobs = "INSERT INTO jobs (lane, kind, args, max_attempts) VALUES (%s, %s, '{}', 14)"
    system.rows(f"{with_jobs} RETURNING id", "billing", "sync_billing")
    await system.quiet()


async def judge(system: System, result: Result, number: int) -> None:
    """Hold our copy against the provider's, and note what differs."""
    verdict = Verdict()
    await check_subscriptions(system, verdict)
    result.lost += [f"history {number}: {one}" for one in verdict.lost]
    if number % 20 == 19:
        say(f"{number + 1} histories, {len(result.lost)} differences")
