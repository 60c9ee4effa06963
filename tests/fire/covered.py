"""Whether the matrix has a row for each write there is: read from the source of the activities."""

import ast
from collections.abc import Iterator
from pathlib import Path

from canonical_models.documents import DocumentKind, DocumentStatus, SettlementKind
from tests.fire.matrix_steps import STEPS

_ACTIVITIES = Path(__file__).parents[2] / "activities"
#: What stands in an operation's name between its words.
_KINDS = {
    "draft.kind.value.replace('_', ' ')": {
        "post ": [kind.value for kind in DocumentKind],
        "enter ": [kind.value for kind in SettlementKind],
    },
    "outcome.value": {
        "make invoice ": [DocumentStatus.VOID.value, DocumentStatus.UNCOLLECTIBLE.value]
    },
}
#: The effects that are undone, by the operation of each call of the ledger's `undo`.
_UNDOS = {
    ("books.py", "taken.effect()"): "post document",
    ("amendment.py", "grants"): "grant and withdraw",
    ("support.py", "before"): "publish entitlement",
    ("cash.py", "effect"): "book payout",
}

#: A payout is of no customer, whose story a row is: tests/lives/test_lives_payouts.py has its
#: answers lost and its saga ended. What was paid past billing is found by a comparison of all:
#: tests/workflows/test_paid_elsewhere.py has its answers lost.
_NO_ROW = {"book payout", "book payout.undo", "tell paid elsewhere"}


def require_every_write() -> None:
    """Raises AssertionError with the writes that no row is about, and rows without a write."""
    wanted, have = set(operations()) - _NO_ROW, {step.operation for step in STEPS}
    assert wanted == have, f"without a row: {wanted - have}; without a write: {have - wanted}"


def operations() -> Iterator[str]:
    for file in sorted(_ACTIVITIES.glob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call):
                continue
            match call.func:
                case ast.Name("Effect"):
                    (said,) = (one.value for one in call.keywords if one.arg == "operation")
                    yield from _names(said, tree)
                case ast.Name("reached") if isinstance(call.args[0], ast.Constant):
                    yield str(call.args[0].value)
                case ast.Attribute(attr="undo") if "ledger" in ast.unparse(call.func):
                    yield f"{_UNDOS[file.name, ast.unparse(call.args[0])]}.undo"
                case _:
                    pass


def _names(said: ast.expr, tree: ast.Module) -> Iterator[str]:
    match said:
        case ast.Constant(value=str(name)):
            if name != "post document":  # the undo's name of what is posted by its kind
                yield name
        case ast.JoinedStr(values=[ast.Constant(value=str(first)), ast.FormattedValue() as kind]):
            for value in _KINDS[ast.unparse(kind.value)][first]:
                yield first + value.replace("_", " ")
        case ast.Name(id=name) if each := list(_each(name, tree)):
            yield from each
        case _:
            raise AssertionError(f"an operation is called {ast.unparse(said)}: teach this file")


def _each(name: str, tree: ast.Module) -> Iterator[str]:
    """Of a loop over tuples, or of what is made for each, what stands in the place of `name`."""
    for loop in ast.walk(tree):
        match loop:
            case (
                ast.For(target=ast.Tuple(elts=names), iter=ast.Tuple(elts=rows))
                | ast.comprehension(target=ast.Tuple(elts=names), iter=ast.Tuple(elts=rows))
            ):
                places = [at for at, one in enumerate(names) if ast.unparse(one) == name]
                for row in rows:
                    if places and isinstance(row, ast.Tuple):
                        yield from _names(row.elts[places[0]], tree)
            case _:
                pass
