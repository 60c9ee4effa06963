"""What a target must do besides: `EntitlementTarget` word by word."""

from datetime import UTC, datetime

from canonical_models.entitlement import CustomerEntitlements
from canonical_models.failures import UncertainWrite
from tests.connectors.conformance import checks
from tests.connectors.conformance.cases import systems
from tests.connectors.conformance.checks import connected, failing, wired
from tests.connectors.conformance.conftest import Start
from tests.connectors.conformance.target import (
    TargetSystem,
    as_kept,
    customer,
    told,
)
from tests.connectors.conformance.wire import landing_later


async def system_of(start: Start, name: str) -> TargetSystem:
    found = await start(name)
    assert isinstance(found, TargetSystem)
    return found


@systems("target")
async def test_who_is_not_known_holds_nothing(start: Start, name: str) -> None:
    system = await system_of(start, name)
    async with connected(system) as port:
        held = await port.held(await customer(system))
    assert (held.revision, held.features) == (0, ())


@systems("target")
async def test_what_is_held_is_what_was_told(start: Start, name: str) -> None:
    system = await system_of(start, name)
    key = await customer(system)
    wanted = told(key)
    async with connected(system) as port:
        receipt = await port.publish(wanted)
        held = await port.held(key)
    assert (receipt.customer_id, receipt.revision) == (key, wanted.revision)
    assert (held.revision, held.features) == (wanted.revision, wanted.features)


@systems("target")
async def test_a_newer_revision_replaces_all_and_an_older_one_nothing(
    start: Start, name: str
) -> None:
    system = await system_of(start, name)
    key = await customer(system)
    nothing = CustomerEntitlements(
        customer_id=key, revision=9, as_of=datetime(2026, 12, 1, tzinfo=UTC), features=()
    )
    async with connected(system) as port:
        await port.publish(told(key, 3))
        await port.publish(nothing)
        late = await port.publish(told(key, 4))
    assert late.revision == 9
    assert await system.kept(key) == (9, ())


@systems("target")
async def test_what_lands_later_does_not_replace_what_is_newer(start: Start, name: str) -> None:
    system = await system_of(start, name)
    key = await customer(system)
    async with wired() as wire:
        async with connected(system, wire) as port:
            wire.arm(landing_later, system.writes)
            with failing(system, UncertainWrite):
                await port.publish(told(key, 3))
            await port.publish(told(key, 4))
        assert await wire.land() == 1
    assert await system.kept(key) == as_kept(told(key, 4))


@systems("target")
async def test_ids_of_any_kind_are_customers_of_their_own(start: Start, name: str) -> None:
    """A customer's id is billing's, and may hold what an address means something by."""
    system = await system_of(start, name)
    token = await customer(system)
    keys = [f"{token}{tail}" for tail in ("", "/x", "?a=b", "#c", "%2F", "%252F", "..", ";v=1")]
    async with connected(system) as port:
        for number, key in enumerate(keys, 1):
            await port.publish(told(key, number))
        for number, key in enumerate(keys, 1):
            held = await port.held(key)
            assert (held.customer_id, held.revision) == (key, number)
        for key in ("..", ".", "a b", "", "\n", "x" * 300, "ü"):
            with failing(system, *checks.REJECTED):
                await port.held(key)
