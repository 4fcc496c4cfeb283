"""The people of a legal request."""

import pytest

from tests.staff.compliance_office import ComplianceOffice, office_of
from tests.world import World


@pytest.fixture
async def office(world: World) -> ComplianceOffice:
    """A subject and two compliance officers."""
    return await office_of(world)
