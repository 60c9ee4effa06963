"""The rows of the fault matrix: every write of every saga and process, and every undo, each with a
story at billing that makes it happen to a customer of its own."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.embedded.facts import TARGET
from tests.fire import matrix_stories as do
from tests.fire.matrix_stories import Case

#: By what its vendor commits, of an attempt's writes; the first one where nothing is said.
Commit = Mapping[str, Any]


Story = Callable[[Case], Awaitable[None]]


@dataclass(frozen=True)
class Step:
    """`operation` is the ledger's name of it. `before` is what there must be, `happens` has it
    happen. `system` is asked, None where all of it is ours, for a document of up to `lines`.
    """

    name: str
    operation: str
    system: str | None
    before: Story
    happens: Story
    commit: Commit = field(default_factory=dict)
    lines: int = 0
    #: Nobody but who asked for it brings it about again, where what carries it out was ended.
    asked_again: bool = False
    #: Only what happens at the wire differs from the row before.
    wire_only: bool = False
    #: Only a process can be in its way: no draft is left that anything is sent for.
    silent: bool = False
    #: What is taken back of an upgrade: all of it by an abort, access alone by a cancellation.
    undo: Literal["all", "access"] | None = None


#: Of Tryton: a document is made by REST, its buttons are pressed by JSON-RPC.
_POSTED: Commit = {"body_contains": "model.account.invoice.post"}
#: More than a document here has. Its vendor is given more time for each.
_LINES = 4


def _movement(name: str, kind: str, before: Story, happens: Story) -> Step:
    return Step(name, f"enter {kind}", "tryton", before, happens)


STEPS: tuple[Step, ...] = (
    Step("party", "create party", "tryton", do.nothing, do.subscribes),
    Step("organisation", "create organisation", "zendesk", do.nothing, do.subscribes),
    Step(
        "invoice",
        "post invoice",
        "tryton",
        do.subscribed,
        do.upgrades,
        commit=_POSTED,
        lines=_LINES,
    ),
    Step(
        "invoice: draft",
        "post invoice",
        "tryton",
        do.subscribed,
        do.upgrades,
        lines=_LINES,
        wire_only=True,
    ),
    Step(
        "credit note",
        "post credit note",
        "tryton",
        do.invoiced,
        do.is_credited,
        commit=_POSTED,
        lines=_LINES,
    ),
    Step(
        "void",
        "reverse void document",
        "tryton",
        do.invoiced,
        do.voids,
        commit=_POSTED,
        lines=_LINES,
    ),
    _movement("payment", "payment", do.invoiced, do.pays),
    _movement("paid elsewhere", "paid elsewhere", do.invoiced, do.pays_elsewhere),
    _movement("set-off", "credit note", do.invoiced, do.is_credited),
    _movement("write-off", "write off", do.invoiced, do.gives_up),
    _movement("refund", "refund", do.paid, do.refunds),
    _movement("dispute", "dispute", do.paid, do.disputes),
    _movement("dispute won", "dispute won", do.disputed, do.wins),
    _movement("goodwill", "goodwill", do.invoiced, do.is_given),
    _movement("balance", "balance", do.has_balance, do.invoices_against_balance),
    Step(
        "unbilled",
        "show what is not billed yet",
        "tryton",
        do.subscribed,
        do.upgrades_unbilled,
        lines=_LINES,
    ),
    Step("grants", "grant and withdraw", None, do.subscribed, do.upgrades),
    Step("support", "publish entitlement", "zendesk", do.subscribed, do.upgrades),
    Step("sync metadata", "write back", "stripe", do.subscribed, do.upgrades),
    Step("master data", "carry on master data", "tryton", do.moves_house, do.is_approved),
    Step("target", "tell target", TARGET, do.target_of, do.upgrades),
    Step(
        "ERP status",
        "note the ERP's status",
        "stripe",
        do.invoiced,
        do.asks_for_erp_status,
        asked_again=True,
    ),
    Step("dunning: cancel", "cancel subscription", "stripe", do.overdue, do.credits_debt),
    Step("dunning: credit", "make invoice void", "stripe", do.overdue, do.credits_debt),
    Step(
        "dunning: write off",
        "make invoice uncollectible",
        "stripe",
        do.overdue,
        do.writes_off,
    ),
    Step(
        "undo of invoice",
        "post document.undo",
        "tryton",
        do.refused_at_the_end,
        do.aborts,
        commit=_POSTED,
        lines=_LINES,
        undo="all",
    ),
    Step(
        "undo of grants",
        "grant and withdraw.undo",
        None,
        do.refused_at_the_end,
        do.aborts,
        undo="all",
    ),
    Step(
        "undo of support",
        "publish entitlement.undo",
        "zendesk",
        do.refused_at_the_end,
        do.aborts,
        undo="all",
    ),
    Step(
        "undo: sync metadata", "write back", "stripe", do.refused_and_synced, do.aborts, undo="all"
    ),
    Step(
        "undo: drafts",
        "drop drafts",
        "tryton",
        do.refused_at_the_end,
        do.cancels,
        silent=True,
        undo="access",
    ),
)
