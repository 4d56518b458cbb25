"""What an operator sets for the host and the worker, and where settings come from."""

import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import attrs

from clientflow_core.errors import SettingProblem
from clientflow_core.secret import Secret
from clientflow_core.settings import load_all, read_sources, setting
from clientflow_host.edge_settings import EdgeSettings
from clientflow_host.repository_settings import RepositorySettings
from clientflow_host.retention_settings import RetentionSettings
from clientflow_host.site_settings import SiteSettings

STATE_DIR_ENV: Final = "CLIENTFLOW_STATE_DIR"
SECRETS_DIR_ENV: Final = "CLIENTFLOW_SECRETS_DIR"
ENCRYPTION_KEY_ENV: Final = "CLIENTFLOW_ENCRYPTION_KEY"
OPERATORS_ENV: Final = "CLIENTFLOW_OPERATORS"
LOG_LEVEL_ENV: Final = "CLIENTFLOW_LOG_LEVEL"
_URL: Final = r"https?://[^\s/?#@]+(/[^\s?#]*)?"


@attrs.frozen(kw_only=True)
class HostSettings:
    """Settings of the service itself; those of providers belong to their plugins.

    Attributes:
        site: those of the pages that the public sees.
        edge: what is let in from outside.
        keep: how long what is done with is kept.
        repository: where the code that is deployed comes from.
    """

    site: SiteSettings = attrs.field(factory=SiteSettings)
    edge: EdgeSettings = attrs.field(factory=EdgeSettings)
    keep: RetentionSettings = attrs.field(factory=RetentionSettings)
    repository: RepositorySettings = attrs.field(factory=RepositorySettings)

    database_url: Secret | None = setting(
        env="DATABASE_URL",
        help="PostgreSQL 15 or newer, as the application role, which owns nothing",
        default=None,
        example="postgresql://clientflow_app:password@db.example.com/clientflow",
    )
    owner_database_url: Secret | None = setting(
        env="CLIENTFLOW_OWNER_DATABASE_URL",
        help="the same database as the role that owns the tables; read by migrate, backup and"
        " restore only",
        default=None,
        example="postgresql://clientflow_owner:password@db.example.com/clientflow",
    )
    direct_database_url: Secret | None = setting(
        env="CLIENTFLOW_DIRECT_DATABASE_URL",
        help="the same database past a transaction pooler, if DATABASE_URL leads through one",
        default=None,
        example="postgresql://clientflow_app:password@db.example.com:5432/clientflow",
    )
    database_pool_size: int = setting(
        env="CLIENTFLOW_DATABASE_POOL_SIZE",
        help="the most database connections of one process",
        default=10,
        pattern="[1-9][0-9]{0,2}",
        example="10",
    )
    redis_url: Secret | None = setting(
        env="REDIS_URL",
        help="Redis or Valkey, to carry the wake-ups of jobs instead of PostgreSQL; whatever it"
        " holds may be lost",
        default=None,
        example="redis://:password@redis.example.com:6379/0",
    )
    public_url: str | None = setting(
        env="CLIENTFLOW_PUBLIC_URL",
        help="where the world reaches the host, since providers sign the address that they call;"
        " without it, where it listens",
        default=None,
        pattern=_URL,
        example="https://clientflow.example.com",
    )
    host: str = setting(
        env="CLIENTFLOW_HOST",
        help="the address that the processes listen at",
        default="127.0.0.1",
        example="0.0.0.0",  # noqa: S104 - what a container needs
    )
    port: int = setting(
        env="CLIENTFLOW_PORT",
        help="the port of the host",
        default=8080,
        pattern="[0-9]{1,5}",
        example="8080",
    )
    worker_port: int = setting(
        env="CLIENTFLOW_WORKER_PORT",
        help="the port at which the worker answers /health and /ready",
        default=8081,
        pattern="[0-9]{1,5}",
        example="8081",
    )
    sandbox_port: int = setting(
        env="CLIENTFLOW_SANDBOX_PORT",
        help="the port of the providers' stand-ins",
        default=8090,
        pattern="[0-9]{1,5}",
        example="8090",
    )
    sandbox_url: str | None = setting(
        env="CLIENTFLOW_SANDBOX_URL",
        help="where the console of the providers' stand-ins is, which may then show the pages in a"
        " frame; `up` sets it",
        default=None,
        pattern=_URL,
        example="http://127.0.0.1:8090",
    )
    encryption_key: Secret | None = setting(
        env=ENCRYPTION_KEY_ENV,
        help="seals what organizations set for their own accounts at providers; several with"
        " commas between: the first seals, each opens. Without it, no organization can set any",
        default=None,
        example="YW4gZXhhbXBsZTogbm93IG1ha2Ugb25lIG9mIG91cnM=",
    )
    plugins: tuple[str, ...] | None = setting(
        env="CLIENTFLOW_PLUGINS",
        help="the plugins that must work, with commas between: what is wrong with one refuses the"
        " start; with neither this nor the next, those whose settings are complete are enabled",
        default=None,
        example="twilio",
    )
    optional_plugins: tuple[str, ...] | None = setting(
        env="CLIENTFLOW_OPTIONAL_PLUGINS",
        help="further plugins to enable, with commas between; one that cannot be used is left out,"
        " and told by /ready, the log and `clientflow plugins`",
        default=None,
        example="acme_sms",
    )
    plugins_dir: Path | None = setting(
        env="CLIENTFLOW_PLUGINS_DIR",
        help="a folder whose *.py are plugins of one file each, beside those that are installed;"
        " whoever may write there runs code here",
        default=None,
        example="/etc/clientflow/plugins",
    )
    state_dir: Path | None = setting(
        env=STATE_DIR_ENV,
        help="the folder of the embedded database and of what `up` keeps and leaves for other"
        " commands; without it, /var/lib/clientflow as root, else ~/.local/state/clientflow",
        default=None,
        example="/var/lib/clientflow",
    )
    postgres_folder: Path | None = setting(
        env="CLIENTFLOW_POSTGRES_FOLDER",
        help="the programs of the PostgreSQL that `up` runs where DATABASE_URL is not set; without"
        " it, the best that is installed",
        default=None,
        example="/usr/lib/postgresql/18/bin",
    )
    operators: tuple[str, ...] | None = setting(
        env=OPERATORS_ENV,
        help="the e-mail addresses, with commas between, of the users who run the service: they see"
        " its checklist, whatever their role in their organization",
        default=None,
        example="ops@example.com",
    )
    log_level: str = setting(
        env=LOG_LEVEL_ENV,
        help="the least severe log lines that are written: debug, info, warning or error",
        default="info",
        pattern="debug|info|warning|error",
        example="info",
    )

    def check(self) -> Iterable[SettingProblem]:
        """Give a problem for each port that is none, and for what contradicts itself."""
        ports = {
            "CLIENTFLOW_PORT": self.port,
            "CLIENTFLOW_WORKER_PORT": self.worker_port,
            "CLIENTFLOW_SANDBOX_PORT": self.sandbox_port,
        }
        for env, port in ports.items():
            if port > 65_535:  # noqa: PLR2004 - the highest port
                yield SettingProblem(env, "is not a port: 0 to 65535")
        if both := sorted({*(self.plugins or ())} & {*(self.optional_plugins or ())}):
            problem = f"names {', '.join(both)}, as CLIENTFLOW_PLUGINS does"
            hint = "name it in one of them: it must work, or it may fail"
            yield SettingProblem("CLIENTFLOW_OPTIONAL_PLUGINS", problem, hint)
        if self.redis_url is not None:
            yield from _check_redis_url(self.redis_url)
        if self.encryption_key is not None:
            yield from _check_encryption_key(self.encryption_key)

    @property
    def url(self) -> str:
        """Where the world reaches the host, without a slash at the end."""
        return (self.public_url or local_url(self.host, self.port)).rstrip("/")

    @property
    def state_folder(self) -> Path:
        """The state folder, by default where this system keeps such things."""
        return self.state_dir or default_state_folder()


def _check_encryption_key(keys: Secret) -> Iterable[SettingProblem]:
    # Only where it is set: it brings the cryptography.
    from clientflow_core.persistence.sealing import key_problems  # noqa: PLC0415

    return key_problems(keys)


def _check_redis_url(url: Secret) -> Iterable[SettingProblem]:
    # Only where it is set: it brings the client, whose import takes a tenth of a second.
    from clientflow_core.jobs.redis_queue import open_redis  # noqa: PLC0415

    try:
        _ = open_redis(url)
    except ValueError:
        yield SettingProblem(
            "REDIS_URL",
            "is not an address of Redis",
            "redis://user:password@host:6379/0, rediss:// for TLS, or unix:///path; what is special"
            " in a password is percent-encoded",
        )


def read_values() -> dict[str, str]:
    """Read every setting: the environment, then ``.env``, then a folder of secrets.

    Raises:
        SettingsError: a file of theirs cannot be read.
    """
    folder = Path(os.environ.get(SECRETS_DIR_ENV) or "/run/secrets")
    return read_sources(os.environ, dotenv=Path(".env"), secrets_folder=folder)


def load_host_settings(values: dict[str, str]) -> HostSettings:
    """Build the host's settings alone.

    Raises:
        SettingsError: with every problem in them.
    """
    groups = (SiteSettings, EdgeSettings, RetentionSettings, RepositorySettings)
    loaded = load_all((HostSettings, *groups), values)
    host: HostSettings = loaded[HostSettings]
    return attrs.evolve(
        host,
        site=loaded[SiteSettings],
        edge=loaded[EdgeSettings],
        keep=loaded[RetentionSettings],
        repository=loaded[RepositorySettings],
    )


def default_state_folder() -> Path:
    """Give the folder for state: as root that of the system, else the user's own."""
    if os.geteuid() == 0:
        return Path("/var/lib/clientflow")
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "clientflow"


def is_this_machine(name: str | None) -> bool:
    """Tell whether *name*, of an address, is one by which only this machine reaches itself."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name or "").is_loopback
    except ValueError:
        return False


def local_url(host: str, port: int) -> str:
    """Give the address by which this machine reaches what listens at *host* and *port*."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - to be replaced
    name = everywhere.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"
