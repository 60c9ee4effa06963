"""The fault matrix has a row for each write: said in seconds, not when the matrix is run."""

import ast

import pytest

from tests.fire.covered import _names, require_every_write


def test_every_write_of_the_activities_has_a_row() -> None:
    require_every_write()


@pytest.mark.parametrize(
    "source",
    [
        "for step, operation in (('a', 'cancel it'), ('b', 'close it')): Effect(operation)",
        "[Effect(operation) for step, operation in (('a', 'cancel it'), ('b', 'close it'))]",
    ],
    ids=["loop", "comprehension"],
)
def test_an_operation_is_named_by_what_it_is_taken_from(source: str) -> None:
    found = list(_names(ast.Name("operation"), ast.parse(source)))
    assert found == ["cancel it", "close it"]


def test_an_operation_that_cannot_be_read_is_not_passed_over() -> None:
    with pytest.raises(AssertionError, match="teach this file"):
        list(_names(ast.Name("operation"), ast.parse("Effect(operation)")))
