"""Torture: the service as real processes, under load and faults, and its history checked.

``nox -s torture -- SESSION [--n N] [--seconds S] [--seed N] [--json FILE]`` runs one session;
``python -m tests.torture SESSION ...`` is the same. The exit code is 0 only if nothing was lost and
nothing was doubled, and if the faults hit work that was under way.

How a session is written, in a module of ``tests/torture/sessions``::

    async def run(options: Options) -> Result:
        result = Result.begin("webhooks", "R1", options)
        async with running_system(result) as system:       # system.py
            offers = await Offers.made(system, chance=...)     # offers.py: signed webhooks
            driver = Driver(system, options.chance("driver"))     # load.py: posts, repeats, notes
            async with killing(Killer(system=system, ...), result):   # killer.py
                await driver.post_all(offers.mixed(options.n))
            await system.quiet()                                    # no job is left
            await judge(system, result)                    # evidence.py, history.py
        return result

and entered by the name of its module in ``SESSIONS`` of ``tests/torture/sessions/__init__.py``,
with its figure, its standard size and its short form (None keeps it out of ``short``).

report.py     Options (n, seconds, seed), Result (faults, losses, doubles, figures), ``say``
children.py   Child: one process of ours, with start, kill (-9), terminate, freeze, thaw, log_lines
postgres.py   Postgres: an embedded server with fsync on; crash, restart, freeze, addresses
system.py     System: two hosts, two workers, the sandbox, an organization with a channel of each
              kind; the API (``call``), the sandboxes (``control``, ``sandbox_state``), SQL
offers.py     Offers: webhooks of Twilio, Stripe, SendGrid and Google Calendar, signed when posted
load.py       Driver: posts what it is given as providers do, with repetitions and out of order,
              until each is acknowledged; every answer goes into the history
killer.py     killing(): stops a random process every so many seconds, and starts it again
proxy.py      FaultProxy: TCP between two parties, with delay, reset, cut, black hole and trickle
flaky.py      FlakyFront: stands before the stand-ins, and fails in five ways by the seed
balancer.py, http_exchange.py
              Balancer: passes requests on to the hosts whose /ready says 200
job_worker.py, job_workers.py
              workers with jobs of a session's own, on a database without the service
history.py    History (JSON lines) and compare(): names every loss and every double; tested by
              test_history.py
stories.py    what is done so that each failpoint is reached: POINTS, for ``failpoints``
plugins/      a plugin of the torture's own, enabled by ``CLIENTFLOW_PLUGINS=WITH_OURS``
evidence.py   judge(): what was acknowledged, what the sandboxes saw, what the database says
"""
