"""Identity providers that are broken in one way each, and the check that notices it."""

from typing import Final

from tests.scaffolds import Mutant, broken

_FILE: Final = "provider.py"
_ISSUER: Final = "issuer=self._settings.url,"
_AUDIENCE: Final = "audience=self._settings.audience,"
_ALGORITHMS: Final = "algorithms=ALGORITHMS,"
_OPTIONS: Final = 'options={"require": REQUIRED},'
_HEADER: Final = "            header = jwt.get_unverified_header(token.reveal())\n"
_UNREAD: Final = 'to_identity(jwt.decode(token.reveal(), options={"verify_signature": False}))\n'

MUTANTS: Final[list[Mutant]] = [
    broken(
        "mixesup",
        "identity.good-token-names-its-person",
        _FILE,
        'subject=claims["sub"]',
        'subject=claims["aud"] + claims["sub"]',
    ),
    broken(
        "forever",
        "identity.good-token-names-its-person",
        _FILE,
        'fromtimestamp(claims["exp"], dt.UTC)',
        'fromtimestamp(claims["exp"] + 3600, dt.UTC)',
    ),
    broken(
        "byaddress",
        "identity.people-are-told-apart",
        _FILE,
        'subject=claims["sub"]',
        'subject=claims["email"]',
    ),
    broken(
        "timeless",
        "identity.expired-token-is-refused",
        _FILE,
        _OPTIONS,
        'options={"require": REQUIRED, "verify_exp": False},',
    ),
    broken(
        "foreverybody",
        "identity.other-audience-is-refused",
        _FILE,
        _AUDIENCE,
        'audience=jwt.decode(token.reveal(), options={"verify_signature": False})["aud"],',
    ),
    broken("byanybody", "identity.other-issuer-is-refused", _FILE, _ISSUER, ""),
    broken(
        "unsealed",
        "identity.unsigned-token-is-refused",
        _FILE,
        _HEADER,
        _HEADER
        + '            if header["alg"].lower() == "none":\n'
        + "                return "
        + _UNREAD,
    ),
    broken(
        "confused",
        "identity.other-algorithm-is-refused",
        _FILE,
        _HEADER,
        _HEADER
        + '            if header["alg"] == "HS256":\n'
        + "                jwt.api_jws.decode(token.reveal(), "
        + 'self._settings.audience.encode(), algorithms=["HS256"])\n'
        + "                return "
        + _UNREAD,
    ),
    broken(
        "anyalgorithm",
        "identity.other-algorithm-is-refused",
        _FILE,
        "except (jwt.InvalidTokenError, ",
        "except (jwt.ExpiredSignatureError, jwt.InvalidSignatureError, ",
    ),
    broken(
        "lookup",
        "identity.unknown-key-is-refused",
        _FILE,
        '            msg = "the token names a key that the issuer does not have"\n'
        "            raise Unauthenticated(msg)\n",
        "            raise KeyError(kid)\n",
    ),
    broken(
        "unseen",
        "identity.flipped-letter-is-refused",
        _FILE,
        _OPTIONS,
        'options={"require": REQUIRED, "verify_signature": False},',
    ),
    broken(
        "fragile",
        "identity.junk-is-refused",
        _FILE,
        "except (jwt.InvalidTokenError, ",
        "except (jwt.ExpiredSignatureError, ",
    ),
    broken(
        "findsanybody",
        "users.are-found-by-their-address",
        _FILE,
        "        return subject\n",
        '        return subject or "somebody"\n',
    ),
    broken(
        "asksalways",
        "keys.are-kept",
        _FILE,
        "        if not self._keys:\n",
        "        if True:\n",
    ),
    broken(
        "askswhenever",
        "keys.unknown-ones-ask-seldom",
        _FILE,
        "PAUSE_SECONDS = 30",
        "PAUSE_SECONDS = -1",
    ),
    broken(
        "oldkeys",
        "keys.new-one-is-found",
        _FILE,
        "self._looked_at = -math.inf",
        "self._looked_at = math.inf",
    ),
    broken(
        "refuseseverybody",
        "keys.that-cannot-be-had-are-unavailable",
        _FILE,
        "except (jwt.InvalidTokenError, ",
        "except (ProviderUnavailable, jwt.InvalidTokenError, ",
    ),
]
