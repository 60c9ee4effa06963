"""A mail that tries out whether a team can be reached."""

from email.message import EmailMessage
from email.utils import localtime, make_msgid

from canonical_models.base import Canonical
from canonical_models.failures import Team
from operations.errors import Invalid, Unavailable
from runtime import mail
from runtime.settings import Settings


class Tried(Canonical):
    """To how many addresses it went, and how many of them the server has refused."""

    addresses: int
    refused: int


async def try_out(settings: Settings, tenant: str, team: Team, *, by: str) -> Tried:
    """Raises Invalid where nobody is to be told, Unavailable where the server does not take it."""
    server = settings.notifications
    addresses = settings.tenants[tenant].notify.get(team, ())
    if server is None or not addresses:
        raise Invalid(
            f"nobody of {team} is told by mail of {tenant}",
            remedy=f"add [notifications], and addresses as tenants.{tenant}.notify.{team}",
        )
    made = EmailMessage()
    made["Subject"] = f"Trueup {tenant}, {team}: a test"
    made["From"], made["To"] = server.sender, ", ".join(addresses)
    made["Date"] = localtime()
    made["Message-ID"] = make_msgid(domain=server.sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(f"Mail to {team} arrives. It was sent by {by} with `trueup notify test`.\n")
    try:
        refused = await mail.send(server, settings.folder, made)
    except mail.MailNotSent as fault:
        raise Unavailable(
            f"the mail server {server.host}:{server.port} did not take it: {fault}",
            remedy="check [notifications]: host, port, encryption, user and password",
        ) from fault
    return Tried(addresses=len(addresses), refused=refused)
