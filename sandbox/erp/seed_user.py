"""Seeds the user that the connector acts as, with no more rights than it uses."""

import secrets

from sandbox.erp.rpc import TrytonRpc

API_LOGIN = "trueup"

# What the connector does: post documents, enter and reconcile payments, run deferrals, and make
# customers with their external ids. Accounting's own group has all of that (reconciling is a
# wizard, which asks for the right to write move lines); periods, taxes, products, agents and plans
# stay with the ERP's own people.
_GROUPS = (("account", "group_account"), ("party", "group_party_admin"))
#: Read besides, to see what a posting has given its agent.
_READS = ("commission",)


async def api_user(rpc: TrytonRpc, companies: list[int]) -> tuple[str, str]:
    """Create the user our connector acts as; returns its password and its application key."""
    groups = [await rpc.xml_id(module, name) for module, name in _GROUPS]
    access = [{"model": model, "perm_read": True} for model in _READS]
    groups += await rpc.create(
        "res.group", {"name": "Trueup", "model_access": [["create", access]]}
    )
    password = secrets.token_hex(16)
    (user,) = await rpc.create(
        "res.user",
        {
            "password": password,
            "name": "Trueup",
            "login": API_LOGIN,
            "groups": [["add", groups]],
            "companies": [["add", companies]],
            "company": companies[0],
            "company_filter": "all",
        },
    )
    key = secrets.token_hex(32)
    # Tryton sets the state itself: an application that an administrator creates is validated.
    await rpc.create("res.user.application", {"user": user, "application": "rest", "key": key})
    return password, key
