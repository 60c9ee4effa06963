"""Counts the heartbeats of activities: each that reaches the server is an action, and no history
shows it."""

from typing import Any

from temporalio.client import Client
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    Interceptor,
)


class Counted(Interceptor):
    """`beats` so far. Give `client` to the worker."""

    def __init__(self) -> None:
        self.beats = 0

    def client(self, like: Client) -> Client:
        config = like.config()
        config["plugins"] = [SimplePlugin("heartbeats", interceptors=[self])]
        return Client(**config)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        return _Inbound(next, self)


class _Inbound(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, counted: Counted) -> None:
        super().__init__(following)
        self._counted = counted

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        super().init(_Outbound(outbound, self._counted))


class _Outbound(ActivityOutboundInterceptor):
    def __init__(self, following: ActivityOutboundInterceptor, counted: Counted) -> None:
        super().__init__(following)
        self._counted = counted

    def heartbeat(self, *details: Any) -> None:
        self._counted.beats += 1
        super().heartbeat(*details)
