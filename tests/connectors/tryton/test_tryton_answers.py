"""What a real Tryton answers where it fails, holds back or is not what was meant, and what that is
taken for."""

import pytest

from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Failure,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.http import VendorHttp
from connectors.tryton.adapter import TrytonErp
from connectors.tryton.client import TrytonClient
from sandbox.erp.instance import ErpInstance
from tests.connectors.tryton.accounts import client_of
from tests.connectors.tryton.conftest import config

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]

REFUSED = RejectionCode.DOCUMENT_REFUSED


@pytest.fixture
async def client(erp: ErpInstance) -> TrytonClient:
    return client_of(erp)


@pytest.mark.parametrize(("writes", "wanted"), [(True, UncertainWrite), (False, TransientFailure)])
async def test_an_error_inside_of_it_may_pass_and_shows_none_of_its_text(
    client: TrytonClient, writes: bool, wanted: type[Failure]
) -> None:
    """Tryton answers it with status 200, its text and a traceback."""
    with pytest.raises(wanted) as failed:
        await client.rpc(
            "model.party.party.search", [["Erika Mustermann", "=", 1]], what="x", writes=writes
        )
    assert "Mustermann" not in failed.value.message
    assert "an error of its own" in failed.value.message
    await client.close()


async def test_a_database_that_is_not_there_is_no_record_that_is_gone(erp: ErpInstance) -> None:
    elsewhere = TrytonErp.connect(
        config(erp).model_copy(
            update={
                "options": {"database": "elsewhere", "login": erp.credentials.api_login},
            }
        )
    )
    with pytest.raises(ContractDrift, match=r"Tryton 8\.0 or later.*connection's database"):
        await elsewhere.find("in_1", "LE-DE")
    await elsewhere.close()


async def test_a_wrong_password_is_refused_and_many_are_held_back(erp: ErpInstance) -> None:
    """Who tries too often is asked to come again, which is no word about the password."""
    seen = set[type[Failure]]()
    for _ in range(12):
        guess = TrytonClient(
            VendorHttp("erp", erp.url, timeout_seconds=60),
            database=erp.database,
            api_key=erp.api_key,
            login="nobody",
            password="wrong-password",
        )
        with pytest.raises((CredentialsRefused, TransientFailure)) as refused:
            await guess.rpc("model.res.user.get_preferences", True, what="our user")
        seen.add(type(refused.value))
        assert "wrong-password" not in refused.value.message
        await guess.close()
        if TransientFailure in seen:
            break
    assert seen == {CredentialsRefused, TransientFailure}
