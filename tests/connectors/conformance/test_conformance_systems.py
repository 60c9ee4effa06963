"""No vendor is without a description for the part that it plays."""

import pytest

from connectors import registry
from tests.connectors.conformance.systems import SYSTEMS

#: By vendor: why it is not described yet.
UNDESCRIBED: dict[str, str] = {}

PARTS: dict[str, set[str]] = {
    "billing": set(registry._BILLING),
    "erp": set(registry._ERP),
    "support": set(registry._SUPPORT),
    "target": set(registry._TARGETS),
}


@pytest.mark.parametrize("part", PARTS)
def test_every_vendor_is_described(part: str) -> None:
    described = {name for name, entry in SYSTEMS.items() if entry.part == part}
    assert PARTS[part] - described == {vendor for vendor in UNDESCRIBED if vendor in PARTS[part]}
