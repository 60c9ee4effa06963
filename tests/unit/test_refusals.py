"""Tables of refusals: a rule of the vendor's goes first, then those of everyone, then none."""

from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Rejection,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.refusals import Meaning, Refusals, RequestContext, Rule

READ = RequestContext("read it", "crm", "it_1")
WRITE = RequestContext(
    "write it", "crm", "it_1", writes=True, refused=RejectionCode.BILLING_REFUSED
)
CRM = Refusals(
    "crm",
    (
        Rule(401, Meaning.CREDENTIALS, advice="renew {it.connection!r}"),
        Rule(418, Meaning.REFUSED, advice="mend {it.subject}"),
        Rule(404, Meaning.ELSEWHERE, frozenset({"no such path"}), advice="look at {it.connection}"),
        Rule(500, Meaning.LATER),
    ),
    unforeseen="ask",
)


def test_the_vendors_word_goes_before_everyones() -> None:
    assert isinstance(CRM.failure(500, "no", WRITE), TransientFailure)
    assert isinstance(CRM.failure(501, "no", WRITE), UncertainWrite)
    assert isinstance(CRM.failure(501, "no", READ), TransientFailure)


def test_a_delay_says_that_nothing_was_done() -> None:
    later = CRM.failure(503, "no", WRITE, delay=7)
    assert isinstance(later, TransientFailure)
    assert later.retry_after == 7
    assert isinstance(CRM.failure(503, "no", WRITE), UncertainWrite)


def test_advice_names_the_connection_and_the_object() -> None:
    key = CRM.failure(401, "it said no", READ)
    assert isinstance(key, CredentialsRefused)
    assert key.message == "it said no: renew 'crm'"
    refused = CRM.failure(418, "it said {no}", WRITE)
    assert isinstance(refused, Rejection)
    assert (refused.reason, refused.subject) == (RejectionCode.BILLING_REFUSED, "it_1")
    assert refused.message == "it said {no}: mend it_1"


def test_what_no_rule_names_is_drift() -> None:
    for status, names, advice in ((404, ["no such path"], "look at crm"), (404, [], "ask")):
        drift = CRM.failure(status, "it said no", READ, names=names, path="$.error")
        assert isinstance(drift, ContractDrift)
        assert drift.payload_path == "$.error"
        assert drift.message == f"it said no, which its contract does not foresee: {advice}"
