"""Whose token it is, and whose it is not."""

import datetime as dt
from typing import Final

from hypothesis import strategies as st

from clientflow_core.clock import SystemClock
from clientflow_core.errors import Unauthenticated
from clientflow_core.providers.spec import Capability
from clientflow_core.secret import Secret
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.credentials import next_letter
from clientflow_core.testing.groups.identity import (
    EMAIL,
    SUBJECT,
    IdentityChecks,
    Parts,
    recognized,
    require_refused,
)
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.stage import Stage

_LIFETIME_SECONDS: Final = 600
# More than anybody allows for clocks that differ.
_LONG_AGO_SECONDS: Final = -86400
_TOLERANCE: Final = dt.timedelta(seconds=60)
_NAMES_OF_NONE: Final = ("none", "None", "NONE", "nOnE")
_GUESSES: Final = (b"", b"secret", b"null")


class IdentityTokenChecks(IdentityChecks):
    """One token after the other."""

    @check("identity.good-token-names-its-person", Tier.BRONZE)
    async def test_good_token_names_its_person(self, stage: Stage) -> None:
        """A token gives the issuer's name for the person, the address, and until when it counts."""
        token = self.token(
            stage, subject=SUBJECT, email=EMAIL, lifetime_seconds=str(_LIFETIME_SECONDS)
        )
        until = SystemClock().now() + dt.timedelta(seconds=_LIFETIME_SECONDS)
        async with stage.provider() as provider:
            found = await recognized(provider, token)
        assert found.subject == SUBJECT, f"the subject is {found.subject!r}, not {SUBJECT!r}"
        assert found.email in {EMAIL, None}, f"the address is {found.email!r}, not {EMAIL!r}"
        assert found.issuer.strip(), "the issuer has no name"
        assert found.expires_at.tzinfo is not None, "expires_at has no time zone"
        is_right = abs(found.expires_at - until) <= _TOLERANCE
        assert is_right, f"expires_at is {found.expires_at}, and the token counts until {until}"

    @check("identity.people-are-told-apart", Tier.BRONZE)
    async def test_people_are_told_apart(self, stage: Stage) -> None:
        """Two people with one address are two, and one person with two addresses is one."""
        given = [("one", EMAIL), ("another", EMAIL), ("one", "ada@example.org")]
        tokens = [self.token(stage, subject=subject, email=email) for subject, email in given]
        async with stage.provider() as provider:
            found = [(await recognized(provider, token)).subject for token in tokens]
        assert found[0] == found[2], "one person with two addresses is taken for two"
        assert found[0] != found[1], "two people with one address are taken for one"

    @check("identity.expired-token-is-refused", Tier.BRONZE)
    async def test_expired_token_is_refused(self, stage: Stage) -> None:
        """A token whose time is over raises ``Unauthenticated``."""
        token = self.token(stage, lifetime_seconds=str(_LONG_AGO_SECONDS))
        async with stage.provider() as provider:
            await require_refused("a token that has expired", provider, token)

    @check("identity.other-audience-is-refused", Tier.BRONZE)
    async def test_other_audience_is_refused(self, stage: Stage) -> None:
        """A token that the issuer has made for somebody else's service is not for us."""
        token = self.token(stage, audience="somebody-else")
        async with stage.provider() as provider:
            await require_refused("a token for another audience", provider, token)

    @check("identity.other-issuer-is-refused", Tier.BRONZE)
    async def test_other_issuer_is_refused(self, stage: Stage) -> None:
        """A token that names another issuer is refused, whoever has signed it."""
        token = self.token(stage, issuer="https://issuer.example")
        async with stage.provider() as provider:
            await require_refused("a token of another issuer", provider, token)

    @check("identity.unsigned-token-is-refused", Tier.BRONZE)
    async def test_unsigned_token_is_refused(self, stage: Stage) -> None:
        """A token of the algorithm ``none``, however it is written, is refused."""
        parts = Parts(self.token(stage))
        async with stage.provider() as provider:
            for name in _NAMES_OF_NONE:
                await require_refused(f"the algorithm {name!r}", provider, parts.unsigned(name))
            await require_refused(
                "a token without its signature", provider, parts.unsigned(parts.header["alg"])
            )

    @check("identity.other-algorithm-is-refused", Tier.BRONZE)
    async def test_other_algorithm_is_refused(self, stage: Stage) -> None:
        """The token does not choose how it is checked: another algorithm is refused."""
        parts = Parts(self.token(stage))
        secrets = set(stage.secrets())
        public = [value.encode() for name, value in stage.values.items() if name not in secrets]
        async with stage.provider() as provider:
            await recognized(provider, self.token(stage))
            for name in ("HS256", "HS512", "RS256", "ES384", "PS256"):
                if name != parts.header["alg"]:
                    forged = parts.with_header(alg=name)
                    await require_refused(f"the algorithm {name}", provider, forged)
            for guess in (*_GUESSES, *public):
                forged = parts.signed_by(guess)
                await require_refused("HS256 with what everybody knows", provider, forged)

    @check("identity.unknown-key-is-refused", Tier.BRONZE)
    async def test_unknown_key_is_refused(self, stage: Stage) -> None:
        """A token that names a key which the issuer has not is refused."""
        parts = Parts(self.token(stage))
        if "kid" not in parts.header:
            leave_out(NotSupported("its tokens name no key"))
        async with stage.provider() as provider:
            await recognized(provider, self.token(stage))
            for kid in ("nobody", "../../etc/passwd"):
                await require_refused("an unknown key", provider, parts.with_header(kid=kid))

    @check("identity.flipped-letter-is-refused", Tier.BRONZE)
    def test_flipped_letter_is_refused(self) -> None:
        """One other letter in a token, and it is refused, or means the same."""
        with self.stage() as stage:
            opened = stage.provider()
            provider = stage.run(opened.__aenter__())
            token = self.token(stage)
            whose = stage.run(recognized(provider, token))
            text = token.reveal()

            def is_refused(place: int) -> None:
                other = text[:place] + next_letter(text[place]) + text[place + 1 :]
                try:
                    # The last letter of a part has bits that mean nothing.
                    found = stage.run(provider.authenticate(Secret(other)))
                except Unauthenticated:
                    return
                except Exception as error:
                    msg = f"letter {place} changed raises {type(error).__name__}"
                    raise AssertionError(msg) from error
                assert found == whose, f"letter {place} changed makes it the token of {found}"

            self.hold(st.integers(0, len(text) - 1), is_refused)
            stage.run(opened.__aexit__(None, None, None))

    @check("identity.junk-is-refused", Tier.BRONZE)
    def test_junk_is_refused(self) -> None:
        """Whatever comes for a token, ``authenticate`` raises ``Unauthenticated``."""
        with self.stage() as stage:
            opened = stage.provider()
            provider = stage.run(opened.__aenter__())
            stage.run(recognized(provider, self.token(stage)))
            letters = st.text(st.characters(codec="utf-8"), max_size=60)
            parts = st.lists(letters, min_size=1, max_size=4).map(".".join)

            def is_refused(text: str) -> None:
                stage.run(require_refused(f"{text!r}", provider, Secret(text)))

            self.hold(parts, is_refused)
            stage.run(opened.__aexit__(None, None, None))

    @check("users.are-found-by-their-address", Tier.SILVER, is_ability=True)
    async def test_users_are_found_by_their_address(self, stage: Stage) -> None:
        """An address finds who has signed in by it, under the token's name, and nobody else."""
        if Capability.USER_LOOKUP not in self.spec.capabilities:
            leave_out(NotSupported("the spec does not declare user_lookup"))
        token = self.token(stage, subject=SUBJECT, email=EMAIL)
        async with stage.provider() as provider:
            whose = await recognized(provider, token)
            found = await provider.find_user(EMAIL)
            nobody = await provider.find_user("nobody@example.org")
        assert found == whose.subject, f"find_user gives {found!r}, the token {whose.subject!r}"
        assert nobody is None, f"find_user gives {nobody!r} for an address of nobody's"
