"""Words of a vendor's lists that nothing depends on, and those among them that nobody knows yet.

Where money or access depends on a word, its model has a `Literal`, and another word is
ContractDrift: asked of people, and waited for. Where nothing does, it is read on, in a way that the
place says; but a new word may mean that it should not be, so that it is noted: counted, and shown
beside the drifts of the connection. Never the value of what is no word.
"""

from collections.abc import Callable, Collection

from pydantic import AfterValidator

from connectors.misfits import being_read, shown_word
from connectors.noting import Noted, noted


def known(member: str, words: Collection[str], otherwise: str) -> AfterValidator:
    """Of a text: one of these `words`, or null. Others are read on as `otherwise` says, and noted
    at `member`."""
    return AfterValidator(_look(member, frozenset(words), otherwise))


def _look(member: str, words: frozenset[str], otherwise: str) -> Callable[[str | None], str | None]:
    def look(value: str | None) -> str | None:
        if value is not None and value not in words:
            note(member, value, otherwise)
        return value

    return look


def note(member: str, word: str, otherwise: str, *, operation: str | None = None) -> None:
    """A word that nobody knows stands at `member`; it is read on as `otherwise` says."""
    told = f"is {shown_word(word)} now, which is not known: {otherwise}"
    noted(Noted(operation or being_read() or "an answer", f"$..{member}", told))
