"""Organizations with credentials of their own: a webhook counts for the one that proves it."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from clientflow_core.domain.provider_settings import OfOrganization, OrganizationValues
from clientflow_core.errors import SignatureRefused
from clientflow_core.providers.webhooks import WebhookRequest, WebhookSpec
from clientflow_core.registry.organizations import own_fields
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.fakes import memory_plugin
from clientflow_core.testing.samples import take_requests
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.stage import Stage

_ONE: Final = uuid.UUID(int=1)
_OTHER: Final = uuid.UUID(int=2)
_Sent = Mapping[str, Sequence[WebhookRequest]]


class OrganizationChecks(Conformance):
    """For each webhook that is proven by settings that an organization may have of its own."""

    @check("tenancy.webhook-names-its-account", Tier.BRONZE)
    def test_webhook_names_its_account(self) -> None:
        """A webhook that an organization's own settings prove tells by a hint whose they are."""
        webhooks = self._own_webhooks()
        silent = [one.name for one in webhooks if one.account_hint is None]
        assert not silent, (
            f"what an organization sets proves /webhooks/{silent[0]}, which has no account_hint: "
            "nobody would look for its settings, and its webhooks would be refused"
        )
        account = self.spec.account(self.samples().settings)
        assert isinstance(account, str), f"the spec's account gives {account!r}, which names none"
        assert account.strip(), "the spec's account gives an empty name"

    @check("tenancy.hint-only-chooses", Tier.BRONZE)
    def test_hint_only_chooses(self) -> None:
        """A webhook counts for the organization that proves it, whatever account it names."""
        webhooks = [one for one in self._own_webhooks() if one.account_hint]
        with self.stage() as stage:
            stage.run(self._prove_each(stage, webhooks))

    async def _prove_each(self, stage: Stage, webhooks: Sequence[WebhookSpec]) -> None:
        async with stage.neighbor() as one, stage.neighbor() as other:
            registry = self._registry(stage, {_ONE: one, _OTHER: other})
            for whose, theirs in ((_ONE, one), (_OTHER, other)):
                sent = await take_requests(self, theirs)
                for webhook in webhooks:
                    account = self.spec.account(theirs.settings())
                    _require_named(webhook, sent[webhook.name], account)
                    await _require_whose(registry, webhook, sent[webhook.name], whose)
            async with one.neighbor(self._forged(one, other)) as forger:
                account = self.spec.account(one.settings())
                if self.spec.account(forger.settings()) != account:
                    leave_out(NotSupported("nobody can name the account without its secret"))
                sent = await take_requests(self, forger)
                for webhook in webhooks:
                    await _require_refused(registry, webhook, sent[webhook.name])

    def _own_webhooks(self) -> Sequence[WebhookSpec]:
        """Give the webhooks that what an organization may set proves."""
        if not self.spec.webhooks:
            leave_out(NotSupported("the provider sends no webhooks"))
        if not own_fields(self.spec.settings):
            leave_out(NotSupported("an organization can set nothing for itself"))
        samples = self.samples()
        with self.stage() as other:
            others = other.settings({**samples.values, **self._own(other)})
        found = [
            webhook
            for webhook, requests in samples.each(self.spec.webhooks)
            if any(_is_refused(webhook, request, others) for request in requests)
        ]
        if not found:
            leave_out(NotSupported("the operator's settings prove its webhooks"))
        return found

    def _registry(self, stage: Stage, organizations: Mapping[uuid.UUID, Stage]) -> ProviderRegistry:
        registry = ProviderRegistry([memory_plugin(self.spec)], stage.values)
        own = {whose: self._own(theirs) for whose, theirs in organizations.items()}
        registry.keep_settings_in(_Kept(registry, self.spec.name, own))
        return registry

    def _own(self, stage: Stage) -> dict[str, str]:
        """Give what an organization with the account of *stage* sets."""
        names = [field.setting.env for field in own_fields(self.spec.settings)]
        return {name: stage.values[name] for name in names if name in stage.values}

    def _forged(self, one: Stage, other: Stage) -> Mapping[str, str]:
        """Give credentials that name the account of *one*, with the secrets of *other*."""
        fields = own_fields(self.spec.settings)
        open_names = [field.setting.env for field in fields if not field.is_secret]
        named = {name: one.values[name] for name in open_names if name in one.values}
        known = other.sandbox.credentials
        return {**known, **{name: value for name, value in named.items() if name in known}}


@attrs.frozen
class _Kept:
    """What organizations have set for one provider, in memory."""

    registry: ProviderRegistry
    provider: str
    own: Mapping[uuid.UUID, Mapping[str, str]]

    async def read(self, organization_id: uuid.UUID, *, provider: str) -> OrganizationValues | None:
        """Give what an organization has set."""
        values = self.own.get(organization_id) if provider == self.provider else None
        return None if values is None else OrganizationValues(version=_ONE, values=values)

    async def find(self, provider: str, *, account: str) -> Sequence[OfOrganization]:
        """Give what organizations have set for an *account*."""
        return [
            OfOrganization(
                organization_id=whose, values=OrganizationValues(version=_ONE, values=values)
            )
            for whose, values in self.own.items()
            if self._account(values) == account and provider == self.provider
        ]

    def _account(self, values: Mapping[str, str]) -> str | None:
        loaded = self.registry.load_settings(self.provider, values)
        return self.registry.account_of(self.provider, loaded)


def _is_refused(webhook: WebhookSpec, request: WebhookRequest, settings: Any) -> bool:
    try:
        webhook.verify(request, settings)
    except SignatureRefused:
        return True
    return False


def _require_named(
    webhook: WebhookSpec, requests: Sequence[WebhookRequest], account: str | None
) -> None:
    assert webhook.account_hint is not None
    for request in requests:
        hint = webhook.account_hint(request)
        assert hint == account, (
            f"the account_hint of /webhooks/{webhook.name} gives {hint!r}, and the spec's account "
            f"{account!r}: they must be the same words"
        )


async def _require_whose(
    registry: ProviderRegistry,
    webhook: WebhookSpec,
    requests: Sequence[WebhookRequest],
    whose: uuid.UUID,
) -> None:
    for request in requests:
        try:
            proof = await registry.prove(registry.webhooks[webhook.name], request)
        except SignatureRefused as error:
            msg = f"/webhooks/{webhook.name}: what an organization's own settings prove is refused"
            raise AssertionError(msg) from error
        assert proof.organization_id == whose, (
            f"/webhooks/{webhook.name}: a webhook of one organization counts for another"
        )


async def _require_refused(
    registry: ProviderRegistry, webhook: WebhookSpec, requests: Sequence[WebhookRequest]
) -> None:
    for request in requests:
        try:
            await registry.prove(registry.webhooks[webhook.name], request)
        except SignatureRefused:
            continue
        msg = f"/webhooks/{webhook.name}: what one organization signs in another's name is taken"
        raise AssertionError(msg)
