"""The processes of an embedded stack, for `trueup status`: which is there, and which answers."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from pydantic import ValidationError

from operations.health import Health, State
from runtime.processes import recorded_process
from sandbox.embedded.facts import StackFacts
from sandbox.embedded.files import LOCK, holder

COLUMNS = ("part", "state", "pid", "up since", "restarts", "last ended", "address")
#: Whose health is asked of them by all of Trueup; an ERP, say, is asked for a page.
_SEEN_AS = {"postgres": "database", "temporal": "temporal", "worker": "worker"}
_BOUND = 3.0
#: A part of these keeps a stack up.
_UP = {State.WORKS, State.SLOW, "given"}


def phase(folder: Path) -> str:
    """`down`, `starting`, or `up`."""
    if holder(folder / LOCK) is None:
        return "down"
    return "starting" if _facts(folder) is None else "up"


async def processes(folder: Path, health: Health) -> list[dict[str, Any]]:
    """Each part: whether it answers, since when it is up, how often it was started again since the
    stack is up, and when and why it ended the last time."""
    facts = _facts(folder)
    if facts is None:
        return []
    answers = await _answers(facts, health)
    return [_part(facts, name, address, answers) for name, address in _addresses(facts).items()]


def all_up(parts: list[dict[str, Any]]) -> bool:
    return all(part["state"] in _UP for part in parts)


def row(part: dict[str, Any]) -> tuple[object, ...]:
    """Under `COLUMNS`."""
    why = part["ended_why"]
    ended = None
    if why is not None:
        ended = f"{part['ended_at'].astimezone():%Y-%m-%d %H:%M:%S} {why.partition(';')[0]}"
    seen = (part["part"], part["state"], part["pid"], part["since"], part["restarts"])
    return (*seen, ended, part["address"])


async def _answers(facts: StackFacts, health: Health) -> dict[str, str]:
    """The state of each part by its answer."""
    of_all = {part.part: part.state for part in health.parts}
    pages = {
        "tryton": facts.tryton.url,
        "stripe": facts.stripe.url,
        "zendesk": facts.zendesk.url,
        "target": facts.target.url,
        "api": f"{facts.api.url}/healthz",
        "console": f"{facts.console.url}/healthz",
    }
    asked = [name for name in pages if name in facts.pids]
    async with httpx.AsyncClient(timeout=_BOUND, trust_env=False) as client:
        states = await asyncio.gather(*(_asked(client, pages[name]) for name in asked))
    seen = {name: of_all[part] for name, part in _SEEN_AS.items()}
    return {**seen, **dict(zip(asked, states, strict=True))}


async def _asked(client: httpx.AsyncClient, url: str) -> State:
    """Whatever it answers, it answers."""
    try:
        async with asyncio.timeout(_BOUND):
            await client.get(url)
    except (httpx.HTTPError, TimeoutError):
        return State.AWAY
    return State.WORKS


def _part(facts: StackFacts, name: str, address: str, answers: dict[str, str]) -> dict[str, Any]:
    process = recorded_process(facts.state / "run" / f"{name}.json")
    ended = facts.ended.get(name)
    if name not in facts.pids:
        state = "given"
    elif ended is not None and ended.given_up:
        state = "given up"
    elif process is None:
        state = "down"
    else:
        state = answers[name] if process.pid == facts.pids[name] else "starting"
    return {
        "part": name,
        "state": str(state),
        "pid": process.pid if process else None,
        "since": datetime.fromtimestamp(process.create_time(), UTC) if process else None,
        "restarts": ended.restarts if ended else 0,
        "ended_at": ended.at if ended else None,
        "ended_why": ended.why if ended else None,
        "address": address,
    }


def _facts(folder: Path) -> StackFacts | None:
    try:
        return StackFacts.load(folder)
    except (OSError, ValidationError):
        return None


def _addresses(facts: StackFacts) -> dict[str, str]:
    host = facts.postgres_dsn.rpartition("@")[2]
    return {
        "postgres": host,
        "temporal": f"{facts.temporal.address}  {facts.temporal.ui or ''}".strip(),
        "tryton": facts.tryton.url,
        "stripe": facts.stripe.url,
        "zendesk": facts.zendesk.url,
        "target": facts.target.url,
        "worker": "",
        "api": facts.api.url,
        "console": facts.console.url,
    }
