"""Who may do what, as people would say it: written beside the product's own table, not from it."""

from canonical_models.acts import Role

EVERYBODY = frozenset(Role)
TEAMS = frozenset({Role.SUPPORT, Role.FINANCE, Role.OPERATIONS})

#: By act, the roles of whoever may; of whom it is hidden from everybody else, `HIDDEN` says.
MATRIX: dict[str, frozenset[Role]] = {
    "changes:read": EVERYBODY,
    "changes:write": frozenset({Role.FINANCE, Role.OPERATIONS, Role.ADMIN}),
    "exceptions:read": EVERYBODY,
    "exceptions:write": TEAMS | {Role.ADMIN},
    "exceptions:approve": frozenset({Role.FINANCE, Role.OPERATIONS}),
    "exceptions:decide": frozenset({Role.FINANCE}),
    "inbox:read": EVERYBODY,
    "inbox:bodies": frozenset({Role.OPERATIONS}),
    "inbox:write": frozenset({Role.OPERATIONS}),
    "mappings:read": EVERYBODY,
    "mappings:write": frozenset({Role.FINANCE}),
    "entitlements:read": EVERYBODY,
    "entitlements:write": frozenset({Role.SUPPORT, Role.OPERATIONS}),
    "subscriptions:read": EVERYBODY,
    "subscriptions:write": TEAMS,
    "accounts:read": EVERYBODY,
    "accounts:write": TEAMS,
    "invoices:read": EVERYBODY,
    "invoices:write": TEAMS,
    "invoices:decide": frozenset({Role.FINANCE}),
    "periods:read": EVERYBODY,
    "periods:close": frozenset({Role.FINANCE}),
    "support:read": TEAMS | {Role.ADMIN},
    "events:read": EVERYBODY,
    "streams:read": EVERYBODY,
    "streams:write": frozenset({Role.OPERATIONS, Role.ADMIN}),
    "audit:read": EVERYBODY,
    "privacy:write": frozenset({Role.OPERATIONS, Role.ADMIN}),
    "batches:read": EVERYBODY,
    "batches:write": frozenset({Role.FINANCE, Role.OPERATIONS, Role.ADMIN}),
    "adoption:write": frozenset({Role.FINANCE, Role.OPERATIONS}),
    "backfill:write": frozenset({Role.FINANCE, Role.OPERATIONS}),
    "keys:read": frozenset({Role.ADMIN}),
    "keys:write": frozenset({Role.ADMIN}),
    "people:read": frozenset({Role.ADMIN}),
    "people:write": frozenset({Role.ADMIN}),
    "account:own": EVERYBODY,
    "installation:run": frozenset(),
}
HIDDEN = frozenset({"keys:read", "keys:write", "people:read", "people:write"})
