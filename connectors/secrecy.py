"""What opens a connection is in no text of ours: not even where a vendor writes it into its answer.

Known are the secrets that an adapter was given, and what it has sent to prove who it is. Words of
vendors pass `without_secrets` before they become part of a failure, and with it of a question, a
log line or a row.
"""

from collections import deque

#: Shorter than this is no secret, and would be found in words that have nothing to do with one.
_SHORTEST = 6
#: Tokens that are renewed push the oldest out: they open nothing any more.
_MOST = 500
_known: deque[str] = deque(maxlen=_MOST)

HIDDEN = "[secret]"


def keep_secret(value: str) -> None:
    """From now on, in this process."""
    if len(value) >= _SHORTEST and value not in _known:
        _known.append(value)


def without_secrets(text: str) -> str:
    # The longest first: one may be part of another.
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, HIDDEN)
    return text
