"""Observers that are broken in one way each, and the check that notices it."""

from typing import Final

from tests.scaffolds import Mutant, broken

_FILE: Final = "provider.py"
_WHERE: Final = '        "where": '
_HOLD: Final = "        self._held.append(record)\n"
_SUPPRESS: Final = "                with contextlib.suppress(ProviderUnavailable):\n"

MUTANTS: Final[list[Mutant]] = [
    broken(
        "fieldless",
        "observer.error-arrives",
        _FILE,
        '"error": describe(error), "fields": dict(fields)',
        '"error": describe(error), "fields": {}',
    ),
    broken(
        "placeless",
        "observer.error-arrives",
        _FILE,
        "for frame in frames]",
        "for frame in frames[:0]]",
    ),
    broken("spanless", "observer.span-arrives", _FILE, '{"span": name, ', '{"span": "work", '),
    broken(
        "groups",
        "observer.each-arrives",
        _FILE,
        _HOLD,
        '        if "span" in record or not self._held:\n    ' + _HOLD,
    ),
    broken(
        "hastyend",
        "observer.closing-hands-over",
        _FILE,
        "            await self.flush()\n        finally",
        "            self._held.clear()\n        finally",
    ),
    broken(
        "curious",
        "observer.variables-stay-here",
        _FILE,
        _WHERE,
        '        "variables": [repr(frame.f_locals) for frame, _ in '
        "traceback.walk_tb(error.__traceback__)],\n" + _WHERE,
    ),
    broken(
        "talks",
        "observer.personal-words-stay-here",
        _FILE,
        _WHERE,
        '        "words": str(error),\n' + _WHERE,
    ),
    broken(
        "talksofspans",
        "observer.personal-words-stay-here",
        _FILE,
        "failure = type(error).__name__",
        "failure = repr(error)",
    ),
    broken(
        "betrays",
        "observer.secrets-stay-here",
        _FILE,
        _WHERE,
        '        "words": str(error).rpartition(" ")[2],\n' + _WHERE,
    ),
    broken(
        "complains",
        "observer.broken-backend-raises-nothing",
        _FILE,
        _SUPPRESS,
        "                if True:\n",
    ),
    broken(
        "needsit",
        "observer.absent-backend-raises-nothing",
        _FILE,
        "        self._writer = asyncio.create_task(self._write())\n",
        "        self._writer = asyncio.create_task(self._write())\n"
        "        try:\n"
        "            await self.verify()\n"
        "        except ProviderUnavailable:\n"
        "            self._writer.cancel()\n"
        "            raise\n",
    ),
    broken(
        "swallows",
        "observer.block-ends-as-it-does",
        _FILE,
        "            failure = type(error).__name__\n            raise\n",
        "            failure = type(error).__name__\n",
    ),
    broken(
        "sleepy",
        "observer.never-waits",
        _FILE,
        _HOLD,
        "        time.sleep(0.01)\n" + _HOLD,
    ),
    broken(
        "patient",
        "observer.flush-ends-in-time",
        _FILE,
        "asyncio.timeout(FLUSH_SECONDS)",
        "asyncio.timeout(None)",
    ),
    broken(
        "givesup",
        "observer.flush-ends-in-time",
        _FILE,
        "with contextlib.suppress(TimeoutError):",
        "with contextlib.suppress(KeyError):",
    ),
    broken("hoards", "observer.memory-is-bounded", _FILE, "MOST_HELD = 500", "MOST_HELD = None"),
]
