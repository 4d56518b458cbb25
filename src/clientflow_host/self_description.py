"""What a process says of itself with each heartbeat: what it is set to, and what it works on."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from clientflow_core.jobs.schedules import Schedule
from clientflow_core.jobs.wake_queue import QUEUE_NAME
from clientflow_core.persistence.server import parse_url
from clientflow_core.providers.spec import ProviderKind
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.secret import Secret
from clientflow_core.settings import SettingField, setting_fields
from clientflow_host.assembly import Assembly
from clientflow_host.gauges import provider_states
from clientflow_host.logs import describe_logs
from clientflow_host.metrics import RECENT_JOBS, RECENT_REQUESTS, SCRAPES, last_call
from clientflow_host.settings import HostSettings

# Of the host's own settings, those that must be the same everywhere; in others, such as ports and
# the way to the database, processes may differ.
_SHARED: Final = frozenset(
    {
        "CLIENTFLOW_PUBLIC_URL",
        "CLIENTFLOW_ENCRYPTION_KEY",
        "CLIENTFLOW_PLUGINS",
        "CLIENTFLOW_OPTIONAL_PLUGINS",
    }
)
_SHOWN: Final = 12
_DAY_SECONDS: Final = 86_400


async def describe_process(
    assembly: Assembly, *, lanes: Iterable[str] = (), schedules: Sequence[Schedule] = ()
) -> Mapping[str, Any]:
    """Give what this process says of itself; nothing in it is secret, or anybody's.

    Args:
        assembly: what it works with.
        lanes: that it works on.
        schedules: that it sees to.
    """
    registry, settings = assembly.registry, assembly.settings
    marks = mark_settings(settings, registry)
    scraped_at = SCRAPES.last_at
    return {
        "settings": marks,
        "lanes": sorted(lanes),
        "schedules": {one.name: one.every_seconds for one in schedules},
        "plugins": sorted(plugin.name for plugin in registry.plugins),
        "providers": provider_states(registry),
        "last_calls": _last_calls(registry),
        "observers": _mark_observers(settings, registry),
        "carrier": f"{await assembly.queue.carrier()}/{QUEUE_NAME}",
        "log": describe_logs(),
        "kept_days": {
            kind: period.total_seconds() / _DAY_SECONDS
            for kind, period in settings.keep.periods.items()
        },
        "scraped_at": scraped_at.isoformat() if scraped_at else None,
        "recent": _recent(),
    }


def mark_settings(settings: HostSettings, registry: ProviderRegistry) -> Mapping[str, str]:
    """Give a mark for each setting that all processes must share: by it one sees that they do not.

    A mark is a hash with a key of the operator's, so that nobody finds the value by trying some;
    where there is no such key, secrets have none.
    """
    key = _key(settings)
    shared = [(field, settings) for field in setting_fields(HostSettings)]
    fields = [pair for pair in shared if pair[0].setting.env in _SHARED]
    for plugin in registry.plugins:
        for kind, loaded in registry.settings_of(plugin).items():
            fields.extend((field, loaded) for field in setting_fields(kind))
    return dict(sorted(_marks(fields, key)))


def _marks(fields: Iterable[tuple[SettingField, Any]], key: bytes) -> Iterator[tuple[str, str]]:
    for field, loaded in fields:
        if key or not field.is_secret:
            yield field.setting.env, _mark(_value(loaded, field), key)


def _mark_observers(settings: HostSettings, registry: ProviderRegistry) -> Mapping[str, str]:
    """Give for each observer a mark of where it tells things: what it cannot do without."""
    key = _key(settings)
    return {
        name: _mark(
            "\n".join(
                _value(enabled.settings, field)
                for field in setting_fields(enabled.spec.settings)
                if field.is_required
            ),
            key,
        )
        for name, enabled in registry.providers.items()
        if enabled.spec.kind is ProviderKind.OBSERVER
    }


def _value(loaded: Any, field: SettingField) -> str:
    value = getattr(loaded, field.name)
    return value.reveal() if isinstance(value, Secret) else repr(value)


def _mark(value: str, key: bytes) -> str:
    # Lone surrogates, as the environment gives bytes that are no UTF-8, pass.
    told = value.encode("utf-8", "surrogatepass")
    return hmac.new(key, told, hashlib.sha256).hexdigest()[:_SHOWN]


def _key(settings: HostSettings) -> bytes:
    """Give what every process knows and nobody else does; empty if there is nothing of the kind."""
    known = settings.encryption_key.reveal() if settings.encryption_key else None
    if known is None and settings.database_url is not None:
        known = parse_url(settings.database_url, env="DATABASE_URL").password
    return (known or "").encode("utf-8", "surrogatepass")


def _last_calls(registry: ProviderRegistry) -> Mapping[str, Mapping[str, str]]:
    """Give for each provider that was called when that has last gone well, and when not."""
    found = {}
    for name in registry.providers:
        both = {"ok": last_call(name, is_good=True), "failed": last_call(name, is_good=False)}
        found[name] = {how: moment.isoformat() for how, moment in both.items() if moment}
    return found


def _recent() -> Mapping[str, int]:
    requests, server_errors = RECENT_REQUESTS.totals()
    jobs, failed_jobs = RECENT_JOBS.totals()
    return {
        "requests": requests,
        "server_errors": server_errors,
        "jobs": jobs,
        "failed_jobs": failed_jobs,
    }
