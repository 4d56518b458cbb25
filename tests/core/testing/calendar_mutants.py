"""Calendar providers that are broken in one way each, and the check that notices it."""

from typing import Final

from tests.scaffolds import Mutant, broken

_ANSWERS, _PROVIDER, _WEBHOOKS = "answers.py", "provider.py", "webhooks.py"
_SANDBOX, _DIARY = "sandbox.py", "diary.py"
_MAKE: Final = (
    'made = await self._ask("POST", path, body=body | {"id": name}, expects=_IS_THERE)\n'
    '        answer = made or await self._ask(_READS, f"{path}/{name}")'
)
_COMPARES: Final = (
    'if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "backslashreplace")):'
)
_SYNC: Final = "return _read(await self._ask(_READS, path, query=query), read_page)"
_QUERY: Final = 'query = {} if cursor is None else {"since": cursor}'
_CURSOR: Final = 'cursor=_words(fields, "next")'
_CHANGES: Final = 'changes=[_read_change(one) for one in fields["changes"]]'

MUTANTS: Final[list[Mutant]] = [
    # Calendars
    broken(
        "onename",
        "calendars.are-whole",
        _ANSWERS,
        'provider_calendar_id=_words(fields, "id")',
        'provider_calendar_id="primary"',
    ),
    broken(
        "offset",
        "calendars.are-whole",
        _ANSWERS,
        'time_zone=ZoneInfo(_words(fields, "zone")).key',
        'time_zone="GMT plus 1"',
    ),
    # What is written
    broken("ascii", "events.come-back-as-written", _ANSWERS, "draft.title", "ascii(draft.title)"),
    broken(
        "shortens",
        "events.come-back-as-written",
        _ANSWERS,
        '"description": draft.description',
        '"description": draft.description[:60]',
    ),
    broken(
        "placeless",
        "events.come-back-as-written",
        _ANSWERS,
        'location=_text(fields, "location")',
        'location=""',
    ),
    broken(
        "nobody",
        "events.come-back-as-written",
        _ANSWERS,
        'attendees=tuple(fields["attendees"])',
        "attendees=()",
    ),
    broken(
        "alwaysbusy",
        "events.come-back-as-written",
        _ANSWERS,
        '"busy": draft.is_busy',
        '"busy": True',
    ),
    broken(
        "allutc",
        "events.keep-their-time",
        _ANSWERS,
        '{"at": start, "zone": time.time_zone}',
        '{"at": start, "zone": "UTC"}',
    ),
    broken(
        "wallclock",
        "events.keep-their-time",
        _ANSWERS,
        'starts_at=_moment(start, "at")',
        'starts_at=_moment(start, "at").replace(tzinfo=ZoneInfo(start["zone"]))',
    ),
    broken(
        "foldless",
        "events.keep-their-time",
        _ANSWERS,
        "start, end = time.starts_at.isoformat()",
        "start, end = time.starts_at.replace(fold=0).isoformat()",
    ),
    broken(
        "lastday",
        "events.all-day-stays-all-day",
        _ANSWERS,
        'last=dt.date.fromisoformat(_words(end, "date")) - _DAY',
        'last=dt.date.fromisoformat(_words(end, "date"))',
    ),
    broken(
        "onedayonly",
        "events.all-day-stays-all-day",
        _ANSWERS,
        "(time.last + _DAY).isoformat()",
        "(time.first + _DAY).isoformat()",
    ),
    # Once, and nobody's change is lost
    broken(
        "newnames",
        "events.put-twice-is-one",
        _PROVIDER,
        "body, name = write_draft(draft), draft.id.hex",
        'body, name = write_draft(draft), __import__("uuid").uuid4().hex',
    ),
    broken(
        "secondfails",
        "events.put-twice-is-one",
        _PROVIDER,
        '_IS_THERE: Final = "exists"',
        '_IS_THERE: Final = "was"',
    ),
    broken(
        "overwrites",
        "events.new-one-overwrites-nothing",
        _PROVIDER,
        _MAKE,
        _MAKE + '\n        answer = made or await self._ask("PUT", f"{path}/{name}", body=body,'
        ' etag=answer["etag"])',
    ),
    broken(
        "byourid",
        "events.change-is-a-change",
        _PROVIDER,
        "quote(draft.provider_event_id or name, safe='')",
        "quote(name, safe='')",
    ),
    broken(
        "oldetag",
        "events.change-is-a-change",
        _DIARY,
        "        entry.changed = self._next()\n        return entry",
        "        return entry",
    ),
    broken(
        "lastwins",
        "events.stale-change-is-a-conflict",
        _DIARY,
        "entry is None or entry.is_removed or entry.etag != etag",
        "entry is None or entry.is_removed",
    ),
    broken(
        "justrefused",
        "events.stale-change-is-a-conflict",
        _PROVIDER,
        ', "edit_conflict": EditConflict}',
        "}",
    ),
    broken(
        "missesit",
        "events.removal-is-no-error-twice",
        _PROVIDER,
        '_IS_GONE: Final = "not_found"',
        '_IS_GONE: Final = "gone"',
    ),
    broken(
        "anyversion",
        "events.stale-removal-is-a-conflict",
        _PROVIDER,
        'await self._ask("DELETE", path, etag=etag, expects=_IS_GONE)',
        'await self._ask("DELETE", path, expects=_IS_GONE)',
    ),
    broken(
        "nosuchthing",
        "events.unknown-calendar-is-rejected",
        "errors.py",
        "HTTPStatus.NOT_FOUND",
        "HTTPStatus.GONE",
    ),
    broken(
        "oneatatime",
        "events.many-at-once",
        _PROVIDER,
        _MAKE,
        'vars(self)["body"] = body\n'
        '        await __import__("asyncio").sleep(0)\n'
        "        " + _MAKE.replace("body=body |", 'body=vars(self)["body"] |'),
    ),
    # Sync
    broken(
        "onepage",
        "sync.begins-with-everything",
        _ANSWERS,
        'is_last=fields["more"] is False',
        "is_last=True",
    ),
    broken(
        "endless",
        "sync.begins-with-everything",
        _PROVIDER,
        _QUERY,
        "query: dict[str, str] = {}",
    ),
    broken("eachtime", "sync.tells-only-what-has-changed", _ANSWERS, _CURSOR, 'cursor="1-0"'),
    broken(
        "deaftoremovals",
        "sync.tells-only-what-has-changed",
        _ANSWERS,
        _CHANGES,
        'changes=[read_event(one) for one in fields["changes"] if "removed" not in one]',
    ),
    broken(
        "usedup",
        "sync.can-be-asked-again",
        _PROVIDER,
        _SYNC,
        'seen = vars(self).setdefault("seen", set())\n'
        "        page = _read(await self._ask(_READS, path, query=query), read_page)\n"
        "        changes = [] if cursor in seen else page.changes\n"
        "        seen.add(cursor)\n"
        "        return SyncPage(changes=changes, cursor=page.cursor, is_last=page.is_last)",
    ),
    broken(
        "justgone",
        "sync.expired-cursor-says-so",
        _PROVIDER,
        '"cursor_expired": CursorExpired, ',
        "",
    ),
    broken(
        "beginsanew",
        "sync.expired-cursor-says-so",
        _DIARY,
        'raise Refusal(HTTPStatus.GONE, "cursor_expired", message)',
        "return 0",
    ),
    # After the first page of several it goes on after the last.
    broken(
        "skips",
        "sync.copy-equals-the-calendar",
        _DIARY,
        "last = page[-1].changed if page else since",
        "last = later[-1].changed if later else since",
    ),
    # Free or busy
    broken(
        "countsfree",
        "busy.covers-what-is-taken",
        _DIARY,
        'if entry.is_removed or not entry.fields["busy"]',
        "if entry.is_removed",
    ),
    broken(
        "countsgone",
        "busy.covers-what-is-taken",
        _DIARY,
        'if entry.is_removed or not entry.fields["busy"]',
        'if not entry.fields["busy"]',
    ),
    broken(
        "wholehours",
        "busy.covers-what-is-taken",
        _ANSWERS,
        'ends_at=_moment(fields, "to")',
        'ends_at=_moment(fields, "to").replace(minute=0)',
    ),
    broken(
        "onlyhours",
        "busy.whole-days-are-whole",
        _DIARY,
        'if entry.is_removed or not entry.fields["busy"]',
        'if entry.is_removed or "date" in entry.fields["start"] or not entry.fields["busy"]',
    ),
    broken(
        "seemsfree",
        "busy.unknown-calendar-is-rejected",
        _SANDBOX,
        "        for calendar in calendars:\n            self._diary.entries_of(calendar)\n"
        "        times = [self._diary.busy_between(calendar, starts, ends) for calendar in "
        "calendars]",
        "        known = [one for one in calendars if one in self._diary.calendars]\n"
        "        times = [self._diary.busy_between(calendar, starts, ends) for calendar in known]",
    ),
    # Being told
    broken(
        "silent",
        "push.tells-of-changes",
        _WEBHOOKS,
        "return (CalendarChanged(watch_id=watch),)",
        "return ()",
    ),
    broken(
        "ownname",
        "push.tells-of-changes",
        _PROVIDER,
        "read_watch(one, watch_id=request.id)",
        'read_watch(one, watch_id=__import__("uuid").uuid4())',
    ),
    broken(
        "forever",
        "push.lasts-until-it-says",
        _ANSWERS,
        'expires_at=_moment(fields, "expires_at")',
        'expires_at=_moment(fields, "expires_at").replace(tzinfo=None)',
    ),
    broken(
        "onetoken",
        "push.proof-is-of-its-watch",
        _WEBHOOKS,
        "str(watch).encode()",
        'b"every watch"',
    ),
    broken(
        "goeson",
        "push.ends-when-it-is-asked-to",
        _PROVIDER,
        'await self._ask("DELETE", path, expects=_IS_GONE)',
        "await self._ask(_READS, path, expects=_IS_GONE)",
    ),
    broken(
        "endsall",
        "push.is-renewed-without-a-gap",
        _DIARY,
        "if self.watches.pop(name, None) is None:\n            raise",
        "known = name in self.watches\n        self.watches.clear()\n        if not known:\n"
        "            raise",
    ),
    # What every webhook has to do, also where the provider signs nothing
    broken(
        "believesall",
        "webhook.wrong-secret-is-refused",
        _WEBHOOKS,
        _COMPARES,
        "if not given:",
    ),
    broken(
        "believesany",
        "webhook.flipped-byte-is-refused",
        _WEBHOOKS,
        _COMPARES,
        "if len(given) != len(expected):",
    ),
]
