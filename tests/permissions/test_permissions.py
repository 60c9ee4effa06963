"""The table of acts, and what `may` makes of it."""

import pytest

from canonical_models.acts import ACTS, ADMIN, SCOPES, Act, Role, of_scopes, scope_of
from canonical_models.exceptions import Action, Resolution
from canonical_models.failures import Team
from operations import permissions
from operations.errors import NotFound
from operations.permissions import Forbidden, Hidden, No, Principal, Thing, Yes, may
from tests.permissions.matrix import HIDDEN, MATRIX


def person(*roles: Role, tenant: str = "acme") -> Principal:
    return Principal(tenant, "fay", frozenset({ADMIN}), frozenset(roles), person_id="psn_1")


def program(*scopes: str) -> Principal:
    return Principal("acme", "portal", frozenset(scopes))


HERE = Thing("acme")


def test_every_act_has_its_rule_and_its_row() -> None:
    assert set(ACTS) == set(Act)
    assert set(MATRIX) == {act.value for act in Act}


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("role", Role)
def test_a_role_may_what_the_table_says(role: Role, act: Act) -> None:
    answer = may(person(role), act, HERE)
    if role in MATRIX[act]:
        assert answer == Yes()
    elif act in HIDDEN:
        assert answer == Hidden()
    else:
        assert isinstance(answer, No)
        assert set(answer.roles) == MATRIX[act]
    assert may(person(role), act, Thing("globex")) == Hidden()


@pytest.mark.parametrize("act", Act)
def test_several_roles_may_what_each_may(act: Act) -> None:
    both = may(person(Role.SUPPORT, Role.FINANCE), act, HERE) == Yes()
    assert both == bool(MATRIX[act] & {Role.SUPPORT, Role.FINANCE})


def test_whoever_has_no_role_may_nothing_but_mind_their_own_account() -> None:
    allowed = {act for act in Act if may(person(), act, HERE) == Yes()}
    assert allowed <= {Act.OWN_ACCOUNT}


@pytest.mark.parametrize("team", Team)
@pytest.mark.parametrize("owner", Team)
def test_a_team_has_its_own_cases_tried_again(team: Team, owner: Team) -> None:
    answer = may(person(Role(team.value)), Act.EXCEPTIONS_WRITE, Thing("acme", owner))
    assert (answer == Yes()) == (team is owner)
    if team is not owner:
        assert isinstance(answer, No)
        assert answer.roles == tuple(r for r in Role if r in {Role(owner.value), Role.ADMIN})
    admin = may(person(Role.ADMIN), Act.EXCEPTIONS_WRITE, Thing("acme", owner))
    assert admin == Yes()
    assert may(program("exceptions:write"), Act.EXCEPTIONS_WRITE, Thing("acme", owner)) == Yes()


def test_the_scopes_of_the_last_release_are_valid_and_mean_the_same() -> None:
    released = {
        *("changes:read", "changes:write", "exceptions:read", "exceptions:write", "inbox:read"),
        *("inbox:write", "mappings:read", "mappings:write", "entitlements:read"),
        *("entitlements:write", "subscriptions:read", "subscriptions:write", "accounts:read"),
        *("accounts:write", "invoices:read", "invoices:write", "invoices:decide", "events:read"),
        "admin",
    }
    assert released <= set(SCOPES)
    wide = {Act.EXCEPTIONS_WRITE, Act.EXCEPTIONS_APPROVE, Act.EXCEPTIONS_DECIDE}
    assert SCOPES["exceptions:write"] == wide
    assert SCOPES["inbox:read"] == {Act.INBOX_READ, Act.INBOX_BODIES}
    assert {scope for scope in released if len(SCOPES[scope]) != 1} == {
        *("exceptions:write", "inbox:read", "admin")
    }


@pytest.mark.parametrize("scope", [scope for scope in SCOPES if scope != ADMIN])
def test_a_scope_is_for_its_acts_and_no_others(scope: str) -> None:
    allowed = {act for act in Act if may(program(scope), act, HERE) == Yes()}
    assert allowed == SCOPES[scope] == {a for a in SCOPES[ADMIN] if scope_of(a) == scope}


def test_a_scope_that_is_not_known_is_for_nothing() -> None:
    assert of_scopes({"everything"}) == frozenset()
    assert may(program("everything"), Act.CHANGES_READ, HERE) != Yes()


def test_a_personal_key_may_what_both_it_and_its_person_may() -> None:
    narrow = Principal(
        "acme", "fay", frozenset({"mappings:write", "keys:write"}), frozenset({Role.FINANCE})
    )
    assert narrow.acts == {Act.MAPPINGS_WRITE}


def test_what_is_hidden_is_not_there_and_what_is_not_says_who_can() -> None:
    with pytest.raises(NotFound):
        permissions.require(person(Role.VIEWER), Act.PEOPLE_READ)
    with pytest.raises(NotFound):
        permissions.require(person(Role.ADMIN), Act.PEOPLE_READ, Thing("globex"))
    with pytest.raises(Forbidden) as refused:
        permissions.require(person(Role.SUPPORT), Act.MAPPINGS_WRITE)
    assert refused.value.detail == "fay may not set account and item mappings"
    assert refused.value.remedy == "ask somebody who has the role finance"
    with pytest.raises(Forbidden) as refused:
        permissions.require(program("mappings:read"), Act.EXCEPTIONS_DECIDE)
    assert refused.value.remedy == "use a key that has the scope exceptions:write"
    assert refused.value.see is None
    nobody = Principal("acme", "the installation", frozenset({"admin"}), frozenset({Role.VIEWER}))
    with pytest.raises(Forbidden) as refused:
        permissions.require(nobody, Act.MAPPINGS_WRITE)
    assert refused.value.see == ("login", "")


@pytest.mark.parametrize("action", Action)
def test_every_decision_is_an_act(action: Action) -> None:
    acts = permissions.acts_of(Resolution(exception_id="exc_1", action=action, by="fay"))
    assert acts[0].value.startswith("exceptions:")
    # To leave a document out is a decision on the document, too.
    assert acts[1:] == ((Act.INVOICES_DECIDE,) if action is Action.SKIP else ())
