"""Rules as people write them: one a line, in a file or on the command line.

    POST ^/v1/invoices/[^/]+/void  drop_after  times=2
    *    ^/v1/                     status      status=503 retry-after=3 seconds=60 chance=0.2

A method or `*`, a regular expression that is looked for in path and query, what happens, and the
members of a `Rule` by name. What is no member is a header of the answer. `times=all` is for good,
which is also what `seconds` or `chance` alone mean.
"""

import shlex
from pathlib import Path

from pydantic import ValidationError

from sandbox.simulators.faultproxy.rules import Rule

_MEMBERS = Rule.model_fields.keys() - {"method", "path_regex", "action", "headers", "carrying"}


class NoRule(Exception):
    """The text says which line, and why."""


def read_rules(path: Path) -> list[Rule]:
    """The rules of a file; `#` begins a comment. Raises NoRule, and OSError for the file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            found.append(rule_of(line, where=f"{path}, line {number}"))
    return found


def rule_of(line: str, *, where: str) -> Rule:
    """Raises NoRule."""
    try:
        words = shlex.split(line)
        method, path, action, *rest = words
    except ValueError:
        raise NoRule(
            f"{where}: a rule is a method or *, a path and an action, then name=value: {line!r}"
        ) from None
    given: dict[str, object] = {"path_regex": path, "action": action}
    if method != "*":
        given["method"] = method
    headers: dict[str, str] = {}
    for word in rest:
        name, sign, value = word.partition("=")
        if not sign:
            raise NoRule(f"{where}: {word!r} is no name=value")
        if name in _MEMBERS:
            given[name] = None if (name, value) == ("times", "all") else value
        else:
            headers[name.lower()] = value
    if "times" not in given and given.keys() & {"seconds", "chance"}:
        given["times"] = None
    try:
        return Rule.model_validate({**given, "headers": headers})
    except ValidationError as misfit:
        first = misfit.errors(include_url=False, include_context=False)[0]
        member = ".".join(map(str, first["loc"])) or "rule"
        raise NoRule(f"{where}: {member}: {first['msg']}") from None
