"""Addresses in Temporal's Web UI."""

from urllib.parse import quote

#: The sagas and processes that wait for a person. The list that the Web UI begins with shows all
#: that runs alike, and one run of a schedule after the other.
WAITING = "ExecutionStatus = 'Running' and TrueupStage in ('waiting', 'escalated')"


def listed(ui: str, namespace: str, query: str) -> str:
    """The list of what the query finds; `ui` is where the Web UI is."""
    place = f"{ui.rstrip('/')}/namespaces/{quote(namespace, safe='')}/workflows"
    return f"{place}?query={quote(query, safe='')}"
