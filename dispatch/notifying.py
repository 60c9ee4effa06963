"""Streams by mail: teams are told what waits for them, one mail a team and interval, whichever
worker sends it.

Nothing of it stands in the way of money: a mail server that is away is tried again, and what there
is to tell stays where it is.
"""

from datetime import timedelta

import structlog

from canonical_models.failures import Team
from dispatch.digest import message
from persistence import digests
from persistence.database import Database
from persistence.digests import Claim
from runtime import mail
from runtime.metrics import NOTIFICATIONS
from runtime.settings import NotificationSettings, Settings, SettingsError

log = structlog.get_logger()

#: Longer than a mail may take: who has not said that it is sent by then has not lived to.
_PATIENCE = timedelta(seconds=mail.BOUND * 3)
_AGAIN, _AGAIN_AT_MOST = timedelta(minutes=1), timedelta(minutes=30)


class Notifier:
    """Of all tenants that have addresses; nothing at all without a mail server."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    async def poll(self) -> int:
        """Tell every team that is to be told by now; how many mails were sent."""
        server, sent = self._settings.notifications, 0
        if server is None:
            return 0
        for tenant, settings in self._settings.tenants.items():
            for team, addresses in settings.notify.items():
                if addresses:
                    sent += await self._tell(server, tenant, team, addresses)
        return sent

    async def _tell(
        self, server: NotificationSettings, tenant: str, team: Team, addresses: tuple[str, ...]
    ) -> bool:
        async with self._database.statement() as conn:
            claimed = await digests.claim(conn, tenant, team, patience=_PATIENCE)
            if claimed is None:
                return False
            news = await digests.news(conn, claimed)
        refused, every = 0, timedelta(minutes=server.minutes)
        if news.told:
            made = message(
                claimed, news, sender=server.sender, to=addresses, base_url=server.base_url
            )
            try:
                refused = await mail.send(server, self._settings.folder, made)
            except (mail.MailNotSent, SettingsError) as fault:
                await self._not_sent(claimed, str(fault))
                return False
            NOTIFICATIONS.labels(team.value, "sent").inc()
        async with self._database.statement() as conn:
            await digests.told(
                conn,
                claimed,
                to=news.up_to,
                sent=bool(news.told),
                every=every,
                error=f"{refused} of {len(addresses)} addresses were refused" if refused else None,
            )
        return bool(news.told)

    async def _not_sent(self, claimed: Claim, why: str) -> None:
        NOTIFICATIONS.labels(claimed.team.value, "failed").inc()
        log.warning("mail not sent", tenant=claimed.tenant, team=claimed.team.value, error=why)
        again_in = min(_AGAIN * 2 ** min(claimed.failures, 10), _AGAIN_AT_MOST)
        async with self._database.statement() as conn:
            await digests.failed(conn, claimed, error=why, again_in=again_in)
