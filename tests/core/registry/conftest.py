"""Real distributions on disk: a module, and the metadata by which it is found."""

import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

Install = Callable[..., None]

# What the module of a plugin begins with; *spec* makes the description of a provider.
HEAD = """
import contextlib
import attrs
from clientflow_core import (
    ChannelProvider, Hooks, MessageStatus, ProviderKind, ProviderSpec, Receipt, Secret, Verified,
    WebhookSpec, hookimpl, setting,
)

class Channel(ChannelProvider):
    def __init__(self, context, settings):
        self.context = context
        self.settings = settings

    async def verify(self):
        return "an account"

    async def send(self, message):
        return Receipt(provider_message_id=message.body, status=MessageStatus.SENT)

def settings_class(name):
    prefix = name.upper()

    @attrs.frozen
    class Settings:
        key: Secret = setting(env=f"{prefix}_KEY", help="the key")
        port: int = setting(env=f"{prefix}_PORT", help="the port")

    return Settings

@contextlib.asynccontextmanager
async def open_channel(context, settings):
    yield Channel(context, settings)

def webhook(name):
    return WebhookSpec(
        name=name,
        verify=lambda request, settings: Verified(
            external_id=request.method, account=settings.key.reveal()
        ),
        parse=lambda request: (),
    )

def spec(name, webhooks=(), open=open_channel, **more):
    return ProviderSpec(
        kind=ProviderKind.CHANNEL, name=name, title=name.title(), settings=settings_class(name),
        open=open, webhooks=tuple(webhook(one) for one in webhooks), **more,
    )
"""

GIVES = """
class Plugin(Hooks):
    @hookimpl
    def clientflow_channels(self):
        return {specs}

plugin = Plugin()
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution: ``install("sms", specs='[spec("sms")]')``, or with a *body*.

    What it is called, its plugin and its module are *name*, unless said otherwise. With a
    *manifest* it is a package that holds it.
    """
    before = set(sys.modules)

    def put(
        name: str,
        *,
        specs: str = "[]",
        body: str | None = None,
        distribution: str | None = None,
        version: str = "1.2",
        target: str = "plugin",
        requires: Iterable[str] = (),
        manifest: str | None = None,
    ) -> None:
        called = distribution or f"{name}-dist"
        module = called.replace("-", "_")
        root = tmp_path / called
        info = root / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {called}", f"Version: {version}"]
        lines += [f"Requires-Dist: {one}" for one in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        (info / "entry_points.txt").write_text(
            f"[clientflow.plugins]\n{name} = {module}:{target}\n"
        )
        code = GIVES.format(specs=specs) if body is None else textwrap.dedent(body)
        if manifest is None:
            (root / f"{module}.py").write_text(HEAD + code)
        else:
            (root / module).mkdir()
            (root / module / "__init__.py").write_text(HEAD + code)
            (root / module / "clientflow.json").write_text(manifest)
        monkeypatch.syspath_prepend(str(root))

    yield put
    for added in set(sys.modules) - before:
        if Path(getattr(sys.modules[added], "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[added]
