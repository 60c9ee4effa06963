"""What each command does, in the words of the table of acts: a command that is not here is refused.

Whether who is signed in may do it is decided by `operations.permissions`, as for the API.
"""

import typer

from canonical_models.acts import Act

#: Who has the installation's configuration runs its programs; they decide nothing of a tenant.
_PROGRAMS = (
    *("up", "down", "status", "demo", "worker", "api", "migrate", "recover"),
    *("deploy status", "deploy promote", "deploy rollback", "deploy drain"),
)
COMMANDS = {
    **dict.fromkeys(_PROGRAMS, Act.INSTALLATION_RUN),
    "login": Act.OWN_ACCOUNT,
    "logout": Act.OWN_ACCOUNT,
    "adopt": Act.ADOPTION_WRITE,
    "differences": Act.INVOICES_READ,
    "accounts show": Act.ACCOUNTS_READ,
    "accounts sync": Act.ACCOUNTS_WRITE,
    "audit verify": Act.AUDIT_READ,
    "audit export": Act.AUDIT_READ,
    "batches list": Act.BATCHES_READ,
    "batches show": Act.BATCHES_READ,
    "batches pause": Act.BATCHES_WRITE,
    "batches resume": Act.BATCHES_WRITE,
    "batches stop": Act.BATCHES_WRITE,
    "causes list": Act.EXCEPTIONS_READ,
    "causes show": Act.EXCEPTIONS_READ,
    "changes list": Act.CHANGES_READ,
    "changes show": Act.CHANGES_READ,
    "changes cancel": Act.CHANGES_WRITE,
    "changes hold": Act.CHANGES_WRITE,
    "changes release": Act.CHANGES_WRITE,
    "changes signal": Act.CHANGES_WRITE,
    "connections list": Act.EXCEPTIONS_READ,
    "dunning list": Act.SUBSCRIPTIONS_READ,
    "entitlements list": Act.ENTITLEMENTS_READ,
    "entitlements check": Act.ENTITLEMENTS_READ,
    "entitlements grant": Act.ENTITLEMENTS_WRITE,
    "entitlements revoke": Act.ENTITLEMENTS_WRITE,
    "entitlements suspend": Act.ENTITLEMENTS_WRITE,
    "entitlements restore": Act.ENTITLEMENTS_WRITE,
    "exceptions list": Act.EXCEPTIONS_READ,
    "exceptions show": Act.EXCEPTIONS_READ,
    # Of what is decided the act is another: `permissions.require_decision`.
    "exceptions resolve": Act.EXCEPTIONS_READ,
    "exceptions preview": Act.EXCEPTIONS_READ,
    "exceptions release": Act.EXCEPTIONS_WRITE,
    "exceptions undoes": Act.EXCEPTIONS_READ,
    "exceptions reopen": Act.INVOICES_DECIDE,
    "causes assign": Act.EXCEPTIONS_WRITE,
    "causes tag": Act.EXCEPTIONS_WRITE,
    "causes comment": Act.EXCEPTIONS_WRITE,
    "exceptions assign": Act.EXCEPTIONS_WRITE,
    "exceptions tag": Act.EXCEPTIONS_WRITE,
    "exceptions comment": Act.EXCEPTIONS_WRITE,
    "inbox list": Act.INBOX_READ,
    "inbox show": Act.INBOX_READ,
    "inbox replay": Act.INBOX_WRITE,
    "inbox replay-all": Act.INBOX_WRITE,
    "invoices list": Act.INVOICES_READ,
    "invoices show": Act.INVOICES_READ,
    "invoices sync": Act.INVOICES_WRITE,
    "invoices hold": Act.INVOICES_DECIDE,
    "invoices skip": Act.INVOICES_DECIDE,
    "invoices release": Act.INVOICES_DECIDE,
    "invoices link": Act.INVOICES_DECIDE,
    "invoices correct": Act.INVOICES_DECIDE,
    "keys create": Act.KEYS_WRITE,
    "keys list": Act.KEYS_READ,
    "keys rotate": Act.KEYS_WRITE,
    "keys revoke": Act.KEYS_WRITE,
    "mappings list": Act.MAPPINGS_READ,
    "mappings set account": Act.MAPPINGS_WRITE,
    "mappings set item": Act.MAPPINGS_WRITE,
    "notify test": Act.PEOPLE_WRITE,
    "people list": Act.PEOPLE_READ,
    "people add": Act.PEOPLE_WRITE,
    "people role": Act.PEOPLE_WRITE,
    "people invite": Act.PEOPLE_WRITE,
    "people remove": Act.PEOPLE_WRITE,
    "people password": Act.OWN_ACCOUNT,
    "privacy erase": Act.PRIVACY_WRITE,
    "renewals list": Act.SUBSCRIPTIONS_READ,
    "subscriptions list": Act.SUBSCRIPTIONS_READ,
    "subscriptions show": Act.SUBSCRIPTIONS_READ,
    "subscriptions sync": Act.SUBSCRIPTIONS_WRITE,
    "targets check": Act.ENTITLEMENTS_READ,
    "targets publish": Act.ENTITLEMENTS_WRITE,
}


def act_of(ctx: typer.Context) -> Act:
    """Of the command that was called. Raises KeyError for one that nobody has entered."""
    # The first word is how the program itself was called.
    return COMMANDS[ctx.command_path.partition(" ")[2]]
