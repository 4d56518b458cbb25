import itertools
import uuid

import pytest

from clientflow_core.domain.roles import Principal, Role

UPWARD = [Role.PUBLIC, Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER]


def test_every_role_has_its_place() -> None:
    assert sorted(UPWARD) == sorted(Role)


@pytest.mark.parametrize(("mine", "wanted"), list(itertools.product(UPWARD, UPWARD)), ids=str)
def test_role_includes_itself_and_those_above_it(mine: Role, wanted: Role) -> None:
    assert mine.includes(wanted) == (UPWARD.index(mine) >= UPWARD.index(wanted))


def test_nobody_is_a_person_and_a_key_unless_it_is_said() -> None:
    principal = Principal(organization_id=uuid.uuid4(), role=Role.MEMBER)
    assert principal.api_key_id is None
    assert principal.user_id is None
