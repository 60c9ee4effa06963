"""What a person has said yes to: one document of one change, by its digest."""

from persistence.raw import Transaction, driver


async def put(
    session: Transaction, tenant: str, change_id: str, digest: str, *, by: str, note: str
) -> None:
    await (await driver(session)).execute(
        "insert into approvals (tenant, change_id, digest, approved_by, note) "
        "values (%s, %s, %s, %s, %s) on conflict do nothing",
        (tenant, change_id, digest, by, note),
    )
