import pytest

from clientflow_core.testing.credentials import spoil


@pytest.mark.parametrize(
    ("secret", "spoiled"),
    [
        ("sk_live_1234", "sk_livf_2345"),
        ("https://abcd@host.example/1", "https://abde@host.example/1"),
        ("https://host.example/abcd", "https://host.fybnqmf/bcde"),
    ],
)
def test_last_half_is_changed_of_an_address_that_of_its_key(secret: str, spoiled: str) -> None:
    assert spoil(secret) == spoiled
