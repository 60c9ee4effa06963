"""The stack of the fire tests: two workers, two APIs, and a proxy before every other system.

Every process of it may be killed or stopped at any time; what ends is started again, however often.
Webhooks, and whoever asks the API, come to both APIs in turn.
"""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

from canonical_models.policy import TenantPolicy
from connectors import failpoints
from runtime.settings import ConnectionSettings
from sandbox.demo.systems import Row, System
from sandbox.demo.world import World
from sandbox.embedded.config import StackConfig
from sandbox.embedded.facts import TARGET, ApiFacts, StackFacts
from sandbox.embedded.ports import LOOPBACK
from sandbox.embedded.stack import EmbeddedStack
from sandbox.embedded.supervisor import Patience
from sandbox.erp.instance import DATABASE, ErpInstance, SeededDatabase
from sandbox.erp.seeded import CREDENTIALS_FILE
from sandbox.simulators.child import running_child
from tests.harness.e2e_stack import BOTH_ENTITIES
from tests.harness.waiting import until

ROOT = Path(__file__).parents[2]
SERVICES = ("worker", "worker-2", "api", "api-2")
#: All processes by name that may be killed: parts of the stack, and the front's own are not.
PARTS = (*SERVICES, "postgres", "temporal", "tryton", "stripe", "zendesk", "target")
#: Seconds that a call may take, and after which a write can no longer land. The ERP on two cores
#: that others use as well needs longer than the simulators.
TIMES: Mapping[str, tuple[float, float]] = {
    "stripe": (1.0, 1.5),
    "tryton": (3.0, 6.0),
    "zendesk": (1.0, 1.5),
    TARGET: (1.0, 1.5),
}
_HEARTBEAT = "TRUEUP_HEARTBEAT_SECONDS"


@dataclass(frozen=True)
class Fire:
    """A stack that is up. `world` reads each system directly, and Trueup by both APIs in turn;
    `proxies` are the controls of what stands between Trueup and each system, by the name of its
    connection; `points` is the folder of failpoints."""

    world: World
    erp: ErpInstance
    proxies: Mapping[str, System]
    points: Path
    #: As TIMES.
    times: Mapping[str, tuple[float, float]]

    @property
    def facts(self) -> StackFacts:
        """As they are now: what was started again has another process."""
        return StackFacts.load(self.world.facts.state)

    def connections(self) -> dict[str, int]:
        """How many each service has open to PostgreSQL now."""
        facts, found = self.facts, {}
        port = urlsplit(facts.postgres_dsn).port
        for name in SERVICES:
            # Whoever was killed just now has none.
            with contextlib.suppress(psutil.NoSuchProcess):
                open_ = psutil.Process(facts.pids[name]).net_connections("tcp")
                found[name] = sum(bool(one.raddr) and one.raddr.port == port for one in open_)
        return found

    def kill(self, name: str) -> int:
        """SIGKILL to a part by its name (PARTS); the process that was."""
        pid = self.facts.pids[name]
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return pid

    def stop(self, name: str) -> int:
        """SIGSTOP to a part; the process, which takes no step until `cont`."""
        pid = self.facts.pids[name]
        os.kill(pid, signal.SIGSTOP)
        return pid

    def cont(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    async def again(self, name: str, pid: int) -> None:
        """Wait until the part that was this process is up as another."""

        async def look() -> bool:
            return self.facts.pids[name] != pid

        await until(look, f"{name} up again", seconds=90, every=0.1)

    async def fault(self, system: str, **rule: object) -> Row:
        """Arm one fault before a system; the rule as the proxy keeps it."""
        made = await self.proxies[system].ask("POST", "/_proxy/faults", json=rule)
        return dict(made["faults"][0])

    async def no_fault(self, system: str, rule: int) -> None:
        await self.proxies[system].ask("DELETE", f"/_proxy/faults/{rule}")

    async def fired(self, system: str) -> dict[int, int]:
        """How often each rule has hit, by its id."""
        found = await self.proxies[system].ask("GET", "/_proxy/faults")
        return {rule["id"]: rule["fired"] for rule in found["faults"]}

    async def no_faults(self) -> None:
        for proxy in self.proxies.values():
            await proxy.ask("DELETE", "/_proxy/faults")


@asynccontextmanager
async def on_fire(
    policy: TenantPolicy = BOTH_ENTITIES,
    times: Mapping[str, tuple[float, float]] = TIMES,
    *,
    heartbeat: float = 1.0,
) -> AsyncIterator[Fire]:
    """The stack on a folder of its own, which goes with it. Not below pytest's `tmp_path`: run by
    root, PostgreSQL is another account and has to pass through."""
    with tempfile.TemporaryDirectory(prefix="trueup-fire-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        folder.chmod(0o755)  # noqa: ASYNC240 - once, before anything runs
        points = folder / "points"
        for part in ("armed", "taken"):
            (points / part).mkdir(parents=True)
        # What is started inherits it; nothing of this process reads it.
        os.environ |= {_HEARTBEAT: str(heartbeat), failpoints.VARIABLE: str(points)}
        try:
            async with _up(folder, points, policy, times) as fire:
                yield fire
        finally:
            del os.environ[_HEARTBEAT], os.environ[failpoints.VARIABLE]


@asynccontextmanager
async def _up(
    folder: Path, points: Path, policy: TenantPolicy, times: Mapping[str, tuple[float, float]]
) -> AsyncIterator[Fire]:
    async with AsyncExitStack() as closing:
        proxies: dict[str, System] = {}

        async def reached(name: str, connection: ConnectionSettings) -> ConnectionSettings:
            running = running_child(
                "sandbox.simulators.faultproxy", "--upstream", connection.base_url
            )
            child = await closing.enter_async_context(running)
            proxies[name] = System(child.url)
            closing.push_async_callback(proxies[name].http.aclose)
            timeout, lands = times[name]
            given = {"timeout_seconds": timeout, "lands_within": lands}
            return connection.model_copy(update={"base_url": child.url, **given})

        stack = EmbeddedStack(
            folder / "state",
            StackConfig(policy=policy),
            cache=ROOT / ".trueup" / "cache",
            services=SERVICES,
            reached=reached,
        )
        facts = await closing.enter_async_context(stack.running())
        await closing.enter_async_context(_kept_up(stack))
        front = await closing.enter_async_context(_in_turn(facts))
        world = World.of(facts.model_copy(update={"api": front}))
        # What dies closes connections that somebody may want to use again.
        kept, alone = world.trueup.http, httpx.Limits(max_keepalive_connections=0)
        world.trueup.http = httpx.AsyncClient(
            base_url=kept.base_url, headers=kept.headers, timeout=60, trust_env=False, limits=alone
        )
        await kept.aclose()
        closing.push_async_callback(world.close)
        await world.billing.make(
            f"webhook_endpoints/{facts.stripe.webhook_endpoint}",
            url=f"{front.url}/webhooks/{facts.tenant}/stripe",
        )
        yield Fire(world, _erp(facts), proxies, points, times)


class _Always(Patience):
    """What is killed on purpose is not given up."""

    def ended(self, now: float) -> float:
        del now
        return 0.2


@asynccontextmanager
async def _kept_up(stack: EmbeddedStack) -> AsyncIterator[None]:
    stop = asyncio.Event()
    watching = asyncio.create_task(stack.supervise(stop, patience=_Always))
    try:
        yield
    finally:
        stop.set()
        await watching


def _erp(facts: StackFacts) -> ErpInstance:
    seeded = SeededDatabase.load(facts.state / "tryton" / CREDENTIALS_FILE)
    return ErpInstance(
        url=facts.tryton.url,
        database=DATABASE,
        credentials=seeded.credentials,
        facts=seeded.facts,
    )


@asynccontextmanager
async def _in_turn(facts: StackFacts) -> AsyncIterator[ApiFacts]:
    """One address for both APIs: each connection goes to the next one that takes it."""
    ports = json.loads((facts.state / "ports.json").read_text(encoding="utf-8"))
    turns = itertools.cycle([ports[name] for name in SERVICES if name.startswith("api")])
    open_: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.add(writer)
        try:
            for _ in range(2):
                with contextlib.suppress(OSError):
                    far = await asyncio.open_connection(LOOPBACK, next(turns))
                    await asyncio.gather(_pump(reader, far[1]), _pump(far[0], writer))
                    break
        finally:
            writer.transport.abort()
            open_.discard(writer)

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    try:
        url = f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        yield facts.api.model_copy(update={"url": url})
    finally:
        server.close()
        for writer in open_:
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.close()
