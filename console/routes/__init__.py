"""One module a page, or a few that belong together."""

from console.routes import (
    accounts,
    approvals,
    backfills,
    batches,
    cases,
    causes,
    changes,
    connections,
    differences,
    entering,
    find,
    live,
    look_up,
    me,
    messages,
    numbers,
    people,
    periods,
    shadow,
    sheets,
    subscriptions,
    trail,
    undone_releases,
    work,
)

ROUTERS = tuple(
    module.router
    for module in (
        *(entering, live, me, find, work, causes, sheets, look_up, cases, approvals),
        # Before the batches, whose addresses take any word at that place.
        *(undone_releases, batches, backfills, accounts),
        *(changes, subscriptions, differences, periods, shadow, messages, connections, numbers),
        *(trail, people),
    )
)
