"""The suite itself: adapters with one mistake each, which it has to refuse."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportOrganization
from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Failure,
    TransientFailure,
    UncertainWrite,
)
from tests.connectors.conformance import answers, checks
from tests.connectors.conformance.conftest import Start
from tests.connectors.conformance.describing import Act, Look, System
from tests.connectors.conformance.example.adapter import DesklingTicketing
from tests.connectors.conformance.example.server import KEY
from tests.connectors.conformance.support import SUPPORT
from tests.connectors.conformance.systems.deskling import Deskling
from tests.connectors.conformance.wire import landing_later, lost_after

Check = Callable[[System, Act, Look], Awaitable[None]]


class TriesAgain(DesklingTicketing):
    """The engine does, once it knows what is there."""

    async def create_organization(
        self, external_id: str, profile: AccountProfile
    ) -> SupportOrganization:
        try:
            return await super().create_organization(external_id, profile)
        except UncertainWrite:
            return await super().create_organization(external_id, profile)


class CallsItNothing(DesklingTicketing):
    """A write without an answer is none that has not happened."""

    async def create_organization(
        self, external_id: str, profile: AccountProfile
    ) -> SupportOrganization:
        try:
            return await super().create_organization(external_id, profile)
        except UncertainWrite as failure:
            raise TransientFailure(failure.message, system=failure.system) from None


class TakesSilenceForAnswer(DesklingTicketing):
    """Unknown is not nothing."""

    async def organization(self, external_id: str) -> SupportOrganization | None:
        try:
            return await super().organization(external_id)
        except TransientFailure:
            return None


class TakesRubbishForNothing(DesklingTicketing):
    async def organization(self, external_id: str) -> SupportOrganization | None:
        try:
            return await super().organization(external_id)
        except ContractDrift:
            return None


class LetsFaultsPass(DesklingTicketing):
    """Nobody above knows of httpx."""

    async def organization(self, external_id: str) -> SupportOrganization | None:
        try:
            return await super().organization(external_id)
        except TransientFailure as failure:
            raise httpx.ReadError(failure.message) from None


class ShowsItsKey(DesklingTicketing):
    async def organization(self, external_id: str) -> SupportOrganization | None:
        try:
            return await super().organization(external_id)
        except CredentialsRefused as failure:
            words = f"{failure.message} (the key is {KEY})"
            raise CredentialsRefused(words, system=failure.system) from None


class ChainsItsKey(DesklingTicketing):
    async def organization(self, external_id: str) -> SupportOrganization | None:
        try:
            return await super().organization(external_id)
        except CredentialsRefused as failure:
            raise failure from ValueError(f"Token {KEY}")


class GuessesALimit(DesklingTicketing):
    """An answer that nobody has thought about is not retried."""

    async def organization(self, external_id: str) -> SupportOrganization | None:
        try:
            return await super().organization(external_id)
        except ContractDrift as failure:
            raise TransientFailure(failure.message, system=failure.system) from None


class MakesWithoutLooking(DesklingTicketing):
    async def create_organization(
        self, external_id: str, profile: AccountProfile
    ) -> SupportOrganization:
        await self._client.create(f"{external_id}/{id(object())}", profile.name)
        return await super().create_organization(external_id, profile)


class WritesMoreThanItLost(DesklingTicketing):
    """After a lost answer it goes on with what comes next."""

    async def create_organization(
        self, external_id: str, profile: AccountProfile
    ) -> SupportOrganization:
        try:
            return await super().create_organization(external_id, profile)
        except UncertainWrite:
            found = await self._find(external_id)
            if found is not None:
                await self._client.change(found, external_id, {"features": ["made"]})
            raise


class WaitsForEver(DesklingTicketing):
    @classmethod
    def connect(cls, config: Any, **given: Any) -> Any:
        return super().connect(config.model_copy(update={"timeout_seconds": 11}), **given)


async def _once(system: System, act: Act, look: Look) -> None:
    del look
    await checks.once(system, act)


async def _lost(system: System, act: Act, look: Look) -> None:
    del look
    await checks.lost(system, act, lost_after)


async def _late(system: System, act: Act, look: Look) -> None:
    del look
    await checks.lost(system, act, landing_later)


MISTAKES: list[tuple[type[DesklingTicketing], Check]] = [
    (TriesAgain, _lost),
    (CallsItNothing, _late),
    (CallsItNothing, answers.every_fault),
    (TakesSilenceForAnswer, answers.every_status),
    (TakesRubbishForNothing, answers.rubbish),
    (LetsFaultsPass, answers.every_fault),
    (ShowsItsKey, answers.documented),
    (ChainsItsKey, answers.wrong_secret),
    (GuessesALimit, answers.every_status),
    (MakesWithoutLooking, _once),
    (WritesMoreThanItLost, _lost),
    (WaitsForEver, answers.patience),
]


@pytest.mark.parametrize(
    ("adapter", "check"),
    [
        pytest.param(
            *pair, marks=[pytest.mark.slow] if pair[0] is WaitsForEver else [], id=pair[0].__name__
        )
        for pair in MISTAKES
    ],
)
async def test_an_adapter_with_a_mistake_does_not_pass(
    start: Start, adapter: type[DesklingTicketing], check: Check
) -> None:
    deskling = await start("deskling")
    assert isinstance(deskling, Deskling)
    seen = (AssertionError, pytest.fail.Exception, Failure, httpx.HTTPError)
    with pytest.raises(seen):
        await check(deskling.behind(adapter), SUPPORT.acts[0], SUPPORT.look)
