import base64
import json
import uuid

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.errors import SettingsError
from clientflow_core.persistence.sealing import Sealer, key_problems, new_key
from clientflow_core.secret import Secret

pytestmark = pytest.mark.proves("SD1")

OURS, THEIRS = uuid.UUID(int=1), uuid.UUID(int=2)
VALUES = {"SMS_KEY": "a secret value", "SMS_NAME": "Zoë"}
SEALER = Sealer.with_new_key()


def seal(sealer: Sealer) -> bytes:
    return sealer.seal(VALUES, organization_id=OURS, provider="sms")


def unseal(sealer: Sealer, sealed: bytes) -> dict[str, str]:
    return sealer.open(sealed, organization_id=OURS, provider="sms")


@given(st.dictionaries(st.text(), st.text()))
@settings(max_examples=50)
def test_what_was_sealed_opens_as_it_was(values: dict[str, str]) -> None:
    sealed = SEALER.seal(values, organization_id=OURS, provider="sms")
    assert SEALER.open(sealed, organization_id=OURS, provider="sms") == values


def test_a_seal_shows_nothing_and_is_another_each_time() -> None:
    sealed = seal(SEALER)
    assert b"a secret value" not in base64.urlsafe_b64decode(sealed)
    assert sealed != seal(SEALER)


@pytest.mark.parametrize(("organization_id", "provider"), [(THEIRS, "sms"), (OURS, "fax")])
def test_what_was_sealed_for_others_is_refused(organization_id: uuid.UUID, provider: str) -> None:
    with pytest.raises(SettingsError, match="for another organization") as refused:
        SEALER.open(seal(SEALER), organization_id=organization_id, provider=provider)
    assert "a secret value" not in str(refused.value)


@given(st.data())
@settings(max_examples=50)
def test_a_changed_seal_does_not_open(data: st.DataObject) -> None:
    sealed = bytearray(base64.urlsafe_b64decode(seal(SEALER)))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SettingsError, match="opens none"):
        unseal(SEALER, base64.urlsafe_b64encode(bytes(sealed)))


@pytest.mark.parametrize("sealed", [b"", b"x", b"\xff" * 200])
def test_what_is_no_seal_does_not_open(sealed: bytes) -> None:
    with pytest.raises(SettingsError, match="opens none"):
        unseal(SEALER, sealed)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(SettingsError, match="CLIENTFLOW_ENCRYPTION_KEY: opens none"):
        unseal(Sealer.with_new_key(), seal(SEALER))


def test_keys_are_rotated_by_a_new_one_before_the_old_one() -> None:
    old, new = new_key(), new_key()
    sealed = seal(Sealer(Secret(old)))
    both = Sealer(Secret(f"{new}, {old}"))
    assert unseal(both, sealed) == VALUES
    again = seal(both)
    assert unseal(Sealer(Secret(new)), again) == VALUES
    with pytest.raises(SettingsError):
        unseal(Sealer(Secret(old)), again)


def test_without_a_key_nothing_is_sealed_or_opened() -> None:
    for work in (seal, lambda sealer: unseal(sealer, seal(SEALER))):
        with pytest.raises(SettingsError, match="CLIENTFLOW_ENCRYPTION_KEY: is not set"):
            work(Sealer(None))


@pytest.mark.parametrize("keys", ["secret-phrase", "{key},", "{key},secret-phrase", "a" * 44])
def test_what_is_no_key_is_refused_without_being_repeated(keys: str) -> None:
    given_keys = Secret(keys.format(key=new_key()))
    with pytest.raises(SettingsError, match="is not a key") as refused:
        Sealer(given_keys)
    assert "secret-phrase" not in str(refused.value)
    assert [problem.env for problem in key_problems(given_keys)] == ["CLIENTFLOW_ENCRYPTION_KEY"]


def test_a_seal_holds_whose_it_is() -> None:
    key = new_key()
    sealed = Sealer(Secret(key)).seal(VALUES, organization_id=OURS, provider="sms")
    found = json.loads(Fernet(key).decrypt(sealed))
    assert found == {"organization_id": str(OURS), "provider": "sms", "values": VALUES}
