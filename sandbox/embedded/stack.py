"""The embedded stack: everything started together, watched, and ended together.

PostgreSQL, Temporal, Tryton, Stripe, Zendesk, target   at the same time
settings file, webhook endpoint, API key                when all of them answer
worker, API, console                                    at the same time
hooks                                                   demonstration data, and the like
"""

import asyncio
import contextlib
import functools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from persistence.database import migrate
from runtime.processes import Child, Folders, end_stale
from runtime.settings import ConnectionSettings, TemporalSettings
from runtime.temporal import connect, prepare
from sandbox.embedded.config import StackConfig
from sandbox.embedded.facts import FILE, TARGET, ApiFacts, ConsoleFacts, Ended, StackFacts
from sandbox.embedded.files import LOCK, only_one
from sandbox.embedded.keys import admit, demo_key, invited
from sandbox.embedded.ports import LOOPBACK, Ports
from sandbox.embedded.postgres import PostgresServer
from sandbox.embedded.progress import Report, State, Step, silent
from sandbox.embedded.services import SERVICES, ports_of, program
from sandbox.embedded.settings_file import FILE as SETTINGS
from sandbox.embedded.settings_file import Given, write_settings
from sandbox.embedded.supervisor import Patience, Supervisor
from sandbox.embedded.temporal_server import TemporalServer
from sandbox.embedded.vendors import Vendors, VendorStarted

_VENDORS = ("stripe", "zendesk", "tryton", "target")
#: What has to be up before a part is started again. What outlives an end of what it needs connects
#: to it again by itself.
_NEEDS = ("postgres", "temporal")

Hook = Callable[[StackFacts], Awaitable[None]]
#: By what a connection is reached, given its name and where the vendor itself is.
Reached = Callable[[str, ConnectionSettings], Awaitable[ConnectionSettings]]
T = TypeVar("T")


class EmbeddedStack:
    """One stack on the folder `state`. Use as `async with EmbeddedStack(...).running() as facts`.

    `services` are the processes of ours that are wanted: tests of a part do without, others have
    several (`worker-2`). `reached` may put something between us and each vendor.
    """

    def __init__(
        self,
        state: Path,
        config: StackConfig | None = None,
        *,
        cache: Path | None = None,
        report: Report = silent,
        hooks: Collection[Hook] = (),
        services: Collection[str] = SERVICES,
        reached: Reached | None = None,
    ) -> None:
        self.state = state.absolute()
        self._config = config or StackConfig()
        self._folders = Folders(logs=self.state / "logs", run=self.state / "run")
        self._ports = Ports(self.state / "ports.json")
        self._vendors = Vendors(
            self._config,
            self.state,
            (cache or self.state / "cache").absolute(),
            self._folders,
            self._ports,
        )
        self._report = report
        self._hooks = hooks
        self._services = services
        self._reached = reached or _directly
        self._children: dict[str, Child] = {}
        self._facts: StackFacts | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[StackFacts]:
        """Up within the block; afterwards, and after any failure, nothing of it runs.

        Raises StackBusy, ProgramMissing, ChildFailed, SettingsError, TemporalNotReady, OSError.
        """
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        with only_one(self.state / LOCK):
            self._folders.prepare()
            (self.state / FILE).unlink(missing_ok=True)
            await asyncio.to_thread(end_stale, self._folders.run)
            try:
                try:
                    facts = await self._start()
                except BaseExceptionGroup as group:
                    raise first_of(group) from None
                yield facts
            finally:
                await self._stop()

    async def supervise(
        self, stop: asyncio.Event, *, patience: Callable[[], Patience] = Patience
    ) -> None:
        """Until `stop`: a part that ends is started again, unless it does so too often. What came
        of it is in `stack.json`."""
        supervisor = Supervisor(
            self._children,
            self._folders,
            self._report,
            needs=dict.fromkeys(self._services, _NEEDS),
            changed=self._save,
            patience=patience,
        )
        await supervisor.run(stop)

    async def _start(self) -> StackFacts:
        async with asyncio.TaskGroup() as group:
            dsn = group.create_task(self._postgres())
            temporal = group.create_task(self._temporal())
            stripe = group.create_task(self._vendor("stripe", self._vendors.stripe))
            tryton = group.create_task(self._vendor("tryton", self._vendors.tryton))
            zendesk = group.create_task(self._vendor("zendesk", self._vendors.zendesk))
            target = group.create_task(self._vendor("target", self._vendors.target))
        given = Given(
            dsn=dsn.result(),
            temporal=temporal.result(),
            connections={
                name: await self._reached(name, connection)
                for name, connection in (
                    ("stripe", stripe.result().connection),
                    ("tryton", tryton.result().connection),
                    ("zendesk", zendesk.result().connection),
                    (TARGET, target.result().connection),
                )
            },
            policy=self._config.policy,
            connected=self._config.connected,
        )
        self._facts = StackFacts(
            state=self.state,
            config=self.state / SETTINGS,
            logs=self._folders.logs,
            pid=os.getpid(),
            pids={},
            api=ApiFacts(url="", metrics="", key=demo_key(self.state)),
            console=ConsoleFacts(url=""),
            postgres_dsn=given.dsn,
            temporal=given.temporal,
            stripe=stripe.result().facts,
            tryton=tryton.result().facts,
            zendesk=zendesk.result().facts,
            target=target.result().facts,
        )
        await self._services_up(given)
        self._facts = self._known().model_copy(
            update={"pids": self._pids(), "console": await self._sign_in(given.dsn)}
        )
        for hook in self._hooks:
            await hook(self._facts)
        self._facts.save()
        return self._facts

    async def _services_up(self, given: Given) -> None:
        ports = {
            of: self._ports.take(of)
            for name in {*SERVICES, *self._services}
            for of in ports_of(name)
        }
        await self._point_to_api(ports)
        write_settings(self.state, given, ports)

        async def launch(name: str, *taken: int) -> Child:
            now = dict(zip(ports_of(name), taken, strict=True))
            if now.items() - ports.items():  # somebody took a port in the meantime
                ports.update(now)
                if name in {"api", "console"}:
                    await self._point_to_api(ports)
                write_settings(self.state, given, ports)
            return await Child.start(program(name, self.state / SETTINGS, *taken), self._folders)

        async with asyncio.TaskGroup() as group:
            for name in self._services:
                start = functools.partial(
                    self._ports.start, ports_of(name), functools.partial(launch, name)
                )
                group.create_task(self._bring(name, start, _itself, _pid))

    async def _sign_in(self, dsn: str) -> ConsoleFacts:
        """Links for one person of each role."""
        console = self._known().console
        links = {
            role: f"{console.url}/sign-in/link/{invitation}"
            for role, invitation in (await invited(dsn)).items()
        }
        return console.model_copy(update={"sign_in": links})

    async def _point_to_api(self, ports: Mapping[str, int]) -> None:
        """Everything that names the API's address."""
        facts = self._known()
        url, metrics = (f"http://{LOOPBACK}:{ports[name]}" for name in ports_of("api"))
        self._facts = facts.model_copy(
            update={
                "api": facts.api.model_copy(update={"url": url, "metrics": metrics}),
                "console": ConsoleFacts(url=f"http://{LOOPBACK}:{ports['console']}"),
                "stripe": await self._vendors.register_webhook(facts.stripe, url),
            }
        )

    async def _postgres(self) -> str:
        given = self._config.dsn
        if given is None:
            server = PostgresServer(self.state, self._folders, self._ports)
            _, dsn = await self._bring(
                "postgres", server.start, lambda made: made[0], lambda made: _without(made[1])
            )
        else:
            dsn = given
            self._report(Step("postgres", "given", _without(dsn)))
        await migrate(dsn)
        await admit(dsn, self.state)
        return dsn

    async def _temporal(self) -> TemporalSettings:
        given = self._config.temporal_settings()
        if given is None:
            server = TemporalServer(self.state, self._folders, self._ports)
            _, made = await self._bring(
                "temporal",
                server.start,
                lambda started: started[0],
                lambda started: started[1].ui or started[1].address,
            )
            return made
        self._report(Step("temporal", "given", given.address))
        await prepare(await connect(given, folder=self.state))
        return given

    async def _vendor(
        self, name: str, start: Callable[[], Awaitable[VendorStarted[T]]]
    ) -> VendorStarted[T]:
        return await self._bring(
            name, start, lambda made: made.child, lambda made: made.connection.base_url
        )

    async def _bring(
        self,
        name: str,
        start: Callable[[], Awaitable[T]],
        child_of: Callable[[T], Child | None],
        address_of: Callable[[T], str],
    ) -> T:
        self._report(Step(name, "starting"))
        began = time.monotonic()
        made = await start()
        if (child := child_of(made)) is not None:
            self._children[name] = child
        state: State = "given" if child is None else "ready"
        self._report(Step(name, state, address_of(made), time.monotonic() - began))
        return made

    def _save(self, ended: Mapping[str, Ended]) -> None:
        self._facts = self._known().model_copy(update={"pids": self._pids(), "ended": dict(ended)})
        self._facts.save()

    async def _stop(self) -> None:
        (self.state / FILE).unlink(missing_ok=True)
        for stage in (tuple(self._services), _VENDORS, _NEEDS):
            await asyncio.gather(*(self._end(name) for name in stage if name in self._children))
        # What was started but failed before it was known to us is on record.
        await asyncio.to_thread(end_stale, self._folders.run)

    async def _end(self, name: str) -> None:
        self._report(Step(name, "stopping"))
        await self._children.pop(name).stop()
        self._report(Step(name, "stopped"))

    def _pids(self) -> dict[str, int]:
        return {name: child.pid for name, child in self._children.items()}

    def _known(self) -> StackFacts:
        if self._facts is None:
            raise RuntimeError("the parts have not started")
        return self._facts


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The fault that ended a start; what it pulled along says no more."""
    first = group.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first


async def _directly(_name: str, connection: ConnectionSettings) -> ConnectionSettings:
    return connection


def _itself(child: Child) -> Child:
    return child


def _pid(child: Child) -> str:
    return str(child.ready.get("url") or f"process {child.pid}")


def _without(dsn: str) -> str:
    """The address of a DSN, without who logs in."""
    parts = urlsplit(dsn)
    return f"{parts.hostname or 'local'}:{parts.port or 5432}{parts.path}"
