"""Every adapter against answers that are refusals, rubbish, endless, or never come."""

import pytest

from tests.connectors.conformance import answers
from tests.connectors.conformance.cases import systems
from tests.connectors.conformance.conftest import Start
from tests.connectors.conformance.systems import SYSTEMS

CHECKS = {
    "every exception of httpx": answers.every_fault,
    "every status": answers.every_status,
    "what the vendor documents": answers.documented,
    "rubbish": answers.rubbish,
    "patience": answers.patience,
    "bounds": answers.bounds,
    "nothing listens": answers.unreachable,
    "a wrong secret": answers.wrong_secret,
}


@pytest.mark.parametrize("check", CHECKS)
@systems()
async def test_every_answer_has_a_class(start: Start, name: str, check: str) -> None:
    port = SYSTEMS[name].port
    await CHECKS[check](await start(name), port.acts[0], port.look)


@systems()
async def test_what_cannot_be_sent_is_refused_before(start: Start, name: str) -> None:
    system = await start(name)
    await answers.unsendable_secret(system, SYSTEMS[name].port.look)
    answers.missing_secret(system)
    answers.no_address(system)
