"""A long document costs no more requests than a short one. How long it takes is a benchmark:
`benchmarks/documents.py`."""

from collections import Counter

import pytest

from canonical_models.ledgering import LedgerQuestion
from canonical_models.money import Money
from connectors.tryton.adapter import TrytonErp
from sandbox.erp.instance import ErpInstance
from tests.connectors.tryton.conftest import config
from tests.connectors.tryton.drafts import DE_19, draft, line, tax, today

pytestmark = [pytest.mark.erp, pytest.mark.timeout(180)]

#: Far more than a document usually has.
LINES = 150


@pytest.mark.slow
async def test_a_long_document_takes_as_many_requests_as_a_short_one(
    erp: ErpInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However long the ERP takes here: what it was asked just now is not asked again.
    for book in ("taxes", "terms"):
        monkeypatch.setattr(f"connectors.tryton.{book}.FRESH", 86_400)
    sent: Counter[str] = Counter()

    def observe(_system: str, method: str, outcome: str, _seconds: float) -> None:
        sent[f"{method} {outcome}"] += 1

    adapter = TrytonErp.connect(config(erp), observe=observe)

    async def requests(lines: int) -> Counter[str]:
        """To ask the ERP's rules, post such a document and read it back whole."""
        net, vat = (Money(minor=lines * cents, currency="EUR") for cents in (1000, 190))
        wanted = draft(
            *(line("PRO", "10.00") for _ in range(lines)),
            taxes=(tax(DE_19, str(net.decimal), str(vat.decimal)),),
        )
        sent.clear()
        await adapter.check(
            LedgerQuestion(
                legal_entity="LE-DE", party="C-1001", currency="EUR", on=today(), items=("PRO",)
            )
        )
        made = await adapter.post(wanted)
        read = await adapter.read(made.document_id, "LE-DE")
        assert (len(read.lines), read.gross) == (lines, wanted.gross)
        return sent.copy()

    try:
        # The first learns what the adapter keeps afterwards.
        await requests(1)
        short = await requests(2)
        assert await requests(LINES) == short
    finally:
        await adapter.close()
