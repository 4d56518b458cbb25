"""Webhooks: whoever cannot prove to be the provider is refused, and nothing breaks who reads."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args
from urllib.parse import unquote_to_bytes

import attrs
from hypothesis import strategies as st

from clientflow_core.domain.changes import CalendarChanged
from clientflow_core.domain.messages import ProviderEvent
from clientflow_core.errors import BadPayload, SignatureRefused, WebhookError
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.credentials import next_letter, with_wrong_secrets
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.strategies import webhook_requests

_EVENTS: Final = get_args(ProviderEvent)
# What a signature or the time of it looks like, within a header.
_PROOF: Final = re.compile(r"[A-Za-z0-9+/_-]{20,}|[0-9]{9,}")
_TIME: Final = re.compile(r"(?<![0-9A-Za-z])[0-9]{10,13}(?![0-9A-Za-z])")
_LATER_SECONDS: Final = 86_400
# Of CPU, for one request of the largest size. It takes some milliseconds.
_LONGEST_SECONDS: Final = 2.0
_NESTED: Final = b'{"a":' * 50_000


@attrs.frozen
class _Case:
    """A webhook of the spec with something that was sent to it."""

    webhook: WebhookSpec
    request: WebhookRequest
    settings: Any

    def verify(self, request: WebhookRequest | None = None) -> Verified:
        return self.webhook.verify(request or self.request, self.settings)


class WebhookChecks(Conformance):
    """For each webhook of the spec."""

    @check("webhook.sandbox-sends-each", Tier.BRONZE)
    def test_sandbox_sends_each_webhook(self) -> None:
        """The stand-in sends at least one request to each webhook of the spec."""
        requests = self._samples_or_leave().requests
        silent = [name for name, sent in requests.items() if not sent]
        assert not silent, f"the sandbox sends nothing to /webhooks/{silent[0]}: see its events()"

    @check("webhook.valid-is-taken", Tier.BRONZE)
    def test_valid_webhook_is_taken(self) -> None:
        """What the provider has signed is verified and parsed."""
        for case in self._cases():
            name = case.webhook.name
            try:
                verified = case.verify()
                events = case.webhook.parse(case.request)
            except Exception as error:
                msg = f"{name}: a valid request raises {type(error).__name__}: {error}"
                raise AssertionError(msg) from error
            assert isinstance(verified, Verified), f"{name}: verify gives {verified!r}"
            assert verified.external_id.strip(), f"{name}: the external id is empty"
            _require_events(name, events)

    @check("webhook.flipped-byte-is-refused", Tier.BRONZE)
    def test_flipped_byte_is_refused(self) -> None:
        """One other byte in the body or the signature, and it is refused, or means the same."""
        for case in self._first_cases():
            proofs = list(_proofs(case))
            if proofs:
                self.hold(st.sampled_from(proofs), _other_proof_is_refused(case))
            if case.request.body:
                flips = st.tuples(st.integers(0, len(case.request.body) - 1), st.integers(0, 7))
                self.hold(flips, _other_body_is_refused(case))

    @check("webhook.wrong-secret-is-refused", Tier.BRONZE)
    def test_wrong_secret_is_refused(self) -> None:
        """What is signed with another secret is refused with ``SignatureRefused``."""
        samples = self._samples_or_leave()
        with self.stage() as stage:
            wrong = with_wrong_secrets(
                samples.values, stage.secrets(samples.values), self.wrong_values
            )
            settings = stage.settings(wrong)
        for case in self._cases():
            refused = _refusal(attrs.evolve(case, settings=settings), case.request)
            assert isinstance(refused, SignatureRefused), (
                f"{case.webhook.name}: another secret gives {refused!r}, not SignatureRefused"
            )

    @check("webhook.missing-header-is-refused", Tier.BRONZE)
    def test_missing_header_is_refused(self) -> None:
        """Without its headers a request is refused."""
        for case in self._cases():
            bare = attrs.evolve(case.request, headers={})
            assert _refusal(case, bare), f"{case.webhook.name}: taken without any header"

    @check("webhook.verify-only-refuses", Tier.BRONZE)
    def test_verify_raises_only_refusals(self) -> None:
        """Whatever comes, ``verify`` raises ``SignatureRefused`` or ``BadPayload``."""
        for case in self._first_cases():
            self.hold(webhook_requests([case.request]), _is_refused_or_the_same(case))

    @check("webhook.parse-only-refuses", Tier.BRONZE)
    def test_parse_raises_only_bad_payload(self) -> None:
        """Whatever comes, ``parse`` gives events or raises ``BadPayload``."""
        for case in self._first_cases():
            self.hold(webhook_requests([case.request]), _is_parsed_or_bad(case.webhook))

    @check("webhook.kept-headers-suffice", Tier.BRONZE)
    def test_kept_headers_suffice(self) -> None:
        """``parse`` needs no header but those that the spec keeps."""
        for case in self._cases():
            headers = case.request.headers
            kept = {k: v for k, v in headers.items() if k in case.webhook.keep_headers}
            stored = attrs.evolve(case.request, headers=kept)
            try:
                events = case.webhook.parse(stored)
            except BadPayload as error:
                msg = f"{case.webhook.name}: with its keep_headers alone it is unreadable: {error}"
                raise AssertionError(msg) from error
            assert events == case.webhook.parse(case.request), (
                f"{case.webhook.name}: with its keep_headers alone it means something else"
            )

    @check("webhook.repetition-has-the-same-id", Tier.BRONZE)
    def test_repetition_has_the_same_id(self) -> None:
        """The same request has the same external id every time, and another one another."""
        ids: dict[tuple[str, str], WebhookRequest] = {}
        for case in self._cases():
            first = case.verify()
            later = attrs.evolve(
                case.request, received_at=case.request.received_at.replace(microsecond=1)
            )
            assert case.verify(later) == first, f"{case.webhook.name}: a repetition has another id"
            key = case.webhook.name, first.external_id
            known = ids.setdefault(key, case.request)
            is_same = known.body == case.request.body or _means(case, known) == _means(
                case, case.request
            )
            assert is_same, (
                f"{case.webhook.name}: two different events have the id {first.external_id!r}"
            )

    @check("webhook.old-one-is-refused", Tier.SILVER, is_ability=True)
    def test_old_webhook_is_refused(self) -> None:
        """Where the time is signed, a request is refused a day later."""
        timed = [case for case in self._cases() if _is_timed(case)]
        if not timed:
            leave_out(NotSupported("the provider signs no time"))
        for case in timed:
            at = case.request.received_at.timestamp() + _LATER_SECONDS
            later = case.request.received_at.fromtimestamp(at, tz=case.request.received_at.tzinfo)
            assert _refusal(case, attrs.evolve(case.request, received_at=later)), (
                f"{case.webhook.name}: taken a day after it was signed"
            )

    @check("webhook.verify-takes-bounded-time", Tier.SILVER)
    def test_verify_takes_bounded_time(self) -> None:
        """The largest body, of any kind, is judged in an instant."""
        for case in self._first_cases():
            for body in _large_bodies(case):
                begun = time.thread_time()
                _refusal(case, attrs.evolve(case.request, body=body))
                took = time.thread_time() - begun
                assert took < _LONGEST_SECONDS, (
                    f"{case.webhook.name}: {len(body)} bytes take {took:.1f} s of CPU"
                )

    def _samples_or_leave(self) -> Any:
        if not self.spec.webhooks:
            leave_out(NotSupported("the provider sends no webhooks"))
        return self.samples()

    def _first_cases(self) -> Iterator[_Case]:
        """Give one case of each webhook: enough to change it in every way."""
        seen: set[str] = set()
        for case in self._cases():
            if case.webhook.name not in seen:
                seen.add(case.webhook.name)
                yield case

    def _cases(self) -> Iterator[_Case]:
        samples = self._samples_or_leave()
        for webhook, requests in samples.each(self.spec.webhooks):
            for request in requests:
                yield _Case(webhook, request, samples.settings)


def _require_events(name: str, events: object) -> None:
    is_list = isinstance(events, Sequence) and not isinstance(events, (str, bytes))
    assert is_list, f"{name}: parse gives {type(events).__name__}, not events"
    for event in events if isinstance(events, Sequence) else ():
        assert isinstance(event, _EVENTS), f"{name}: parse gives {event!r}, which is no event"


def _refusal(case: _Case, request: WebhookRequest) -> Exception | None:
    """Give why *request* is refused; None if it is taken."""
    try:
        case.verify(request)
    except WebhookError as error:
        return error
    return None


def _means(case: _Case, request: WebhookRequest) -> object:
    try:
        return case.webhook.parse(request)
    except BadPayload:
        return None


def _proofs(case: _Case) -> Iterator[tuple[str, int]]:
    """Give each letter that proves something: the header, and its place there."""
    for name in _proving_headers(case):
        for found in _PROOF.finditer(case.request.headers[name]):
            # The last letter of Base64 may hold bits that mean nothing.
            yield from ((name, place) for place in range(found.start(), found.end() - 1))


def _proving_headers(case: _Case) -> list[str]:
    headers = case.request.headers
    return [
        name
        for name in headers
        if isinstance(_refusal(case, _with_headers(case, name, None)), SignatureRefused)
    ]


def _with_headers(case: _Case, name: str, value: str | None) -> WebhookRequest:
    others: Mapping[str, str] = {k: v for k, v in case.request.headers.items() if k != name}
    return attrs.evolve(case.request, headers=others if value is None else {**others, name: value})


def _other_proof_is_refused(case: _Case) -> Any:
    def claim(proof: tuple[str, int]) -> None:
        name, place = proof
        value = case.request.headers[name]
        other = next_letter(value[place])
        if other == value[place]:
            other = "A"
        changed = _with_headers(case, name, value[:place] + other + value[place + 1 :])
        assert _refusal(case, changed), (
            f"{case.webhook.name}: taken with another {name} ({value[place]!r} at {place})"
        )

    return claim


def _other_body_is_refused(case: _Case) -> Any:
    def claim(flip: tuple[int, int]) -> None:
        place, bit = flip
        body = bytearray(case.request.body)
        body[place] ^= 1 << bit
        changed = attrs.evolve(case.request, body=bytes(body))
        if _refusal(case, changed):
            return
        # Such as "%2B" and "%2b" of a form, of which the provider signs what they stand for.
        is_same = _is_same_form(case.request.body, changed.body)
        is_same = is_same and case.verify(changed) == case.verify()
        assert is_same, f"{case.webhook.name}: taken with another body (bit {bit} of byte {place})"

    return claim


def _is_same_form(one: bytes, other: bytes) -> bool:
    def read(body: bytes) -> bytes:
        return unquote_to_bytes(body.replace(b"+", b" "))

    return read(one) == read(other)


def _is_refused_or_the_same(case: _Case) -> Any:
    valid = case.verify()

    def claim(request: WebhookRequest) -> None:
        try:
            verified = case.verify(request)
        except (SignatureRefused, BadPayload):
            return
        except Exception as error:
            msg = f"{case.webhook.name}: verify raises {type(error).__name__}"
            raise AssertionError(msg) from error
        means = _means(case, request)
        is_same = means == _means(case, case.request) and (
            verified == valid or _is_mere_notice(verified, valid, means)
        )
        assert is_same, f"{case.webhook.name}: what nobody has signed is taken"

    return claim


def _is_mere_notice(verified: Verified, valid: Verified, means: Any) -> bool:
    """Tell whether it only says to read a calendar anew, which does no harm a second time.

    Where the provider signs nothing, but sends our token back, its count of notices is unproven.
    """
    is_notice = bool(means) and all(isinstance(one, CalendarChanged) for one in means)
    return is_notice and verified.account == valid.account


def _is_parsed_or_bad(webhook: WebhookSpec) -> Any:
    def claim(request: WebhookRequest) -> None:
        try:
            events = webhook.parse(request)
        except BadPayload:
            return
        except Exception as error:
            msg = f"{webhook.name}: parse raises {type(error).__name__}, not BadPayload"
            raise AssertionError(msg) from error
        _require_events(webhook.name, events)

    return claim


def _is_timed(case: _Case) -> bool:
    now = case.request.received_at.timestamp()
    times = [
        int(found[0])
        for name in _proving_headers(case)
        for found in _TIME.finditer(case.request.headers[name])
    ]
    seconds = [time / 1000 if time > 10**11 else time for time in times]
    return any(abs(one - now) < _LATER_SECONDS / 2 for one in seconds)


def _large_bodies(case: _Case) -> Iterator[bytes]:
    most = case.webhook.max_body_bytes
    yield b"&".join([b"a=%41"] * (most // 6))
    yield b"&".join(b"%x=1" % number for number in range(most // 12))
    yield _NESTED[:most]
    yield b"[" * most
    yield case.request.body + b" " * (most - len(case.request.body))
    yield b"\xff" * most
