"""What becomes of a document: seen in billing, posted in the ERP, taken back, and decided upon."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from canonical_models.documents import BillingDocument
from canonical_models.exceptions import DocumentCorrection
from canonical_models.ledgering import ErpDocument
from canonical_models.records import Hold, subject_of
from persistence.addresses import digest
from persistence.connection import Connection
from persistence.documents.statements import (
    CORRECT,
    HOLD,
    LEAVE,
    LINK,
    POSTED,
    READ_BACK,
    RELEASE,
    RELEASE_AS_IT_IS,
    REVERSED,
    SEEN,
    SEEN_BY_OWNER,
    STAY,
    TAKE_BACK,
)
from persistence.ownership import Owner, require


async def seen(
    conn: Connection,
    tenant: str,
    connection: str,
    documents: Iterable[BillingDocument],
    *,
    books_from: datetime,
    owner: Owner | None = None,
) -> None:
    """As billing showed them just now; whom they name is left out, but for a digest of the address.
    One that is new and was issued before `books_from` belongs to the process before us, for good.
    One that is as it was is not written. Raises Overtaken where the `owner` is given and is not its
    change's any more."""
    shown = {document.document_id: document for document in documents}
    if not shown:
        return
    given = {key: document.kept() for key, document in shown.items()}
    written = await conn.execute(
        SEEN if owner is None else SEEN_BY_OWNER,
        {
            "tenant": tenant,
            "connection": connection,
            "books_from": books_from,
            "ids": list(given),
            "subjects": [subject_of(document) for document in given.values()],
            "subscriptions": [document.subscription_id for document in given.values()],
            "issued": [document.issued_at for document in given.values()],
            "contents": [document.content for document in given.values()],
            "documents": [document.model_dump_json() for document in given.values()],
            "emails": [_email_digest(tenant, document) for document in shown.values()],
            **(owner.proof if owner else {}),
        },
    )
    if owner is not None and await written.fetchone() != (True,):
        await require(conn, owner)


async def posted(  # noqa: PLR0913 - what is true of it only all at once
    conn: Connection,
    tenant: str,
    document_id: str,
    *,
    generation: int,
    effect_key: str,
    change_id: str,
    content: str,
    erp: ErpDocument,
    party: str,
) -> None:
    """The ERP holds it as `erp`, made from billing's document of this `content`. Raises
    RuntimeError where it is unknown or was released since: what is older overwrites nothing."""
    done = await conn.execute(
        POSTED,
        {
            **_erp(erp),
            "tenant": tenant,
            "document": document_id,
            "generation": generation,
            "effect": effect_key,
            "change": change_id,
            "content": content,
            "party": party,
        },
    )
    if not done.rowcount:
        raise RuntimeError(
            f"document {document_id} was posted as generation {generation}, which it is not at"
        )


async def reversed_(
    conn: Connection,
    tenant: str,
    document_id: str,
    *,
    erp: ErpDocument | None,
    hold: Hold | None,
) -> None:
    """What was posted has been taken back. `erp` is the document that did so, or what was posted as
    the ERP shows it now, None where nothing was ever there; a `hold` keeps it out from now on."""
    await conn.execute(
        REVERSED,
        {
            "tenant": tenant,
            "document": document_id,
            "hold": hold.model_dump_json() if hold else None,
            "by": erp.document_id if erp else None,
        },
    )
    if erp is not None:
        await read_back(conn, tenant, document_id, erp)


async def read_back(conn: Connection, tenant: str, document_id: str, erp: ErpDocument) -> None:
    """What the ERP says of it now. Nothing where another document of the ERP is the one."""
    await conn.execute(READ_BACK, {**_erp(erp), "tenant": tenant, "document": document_id})


async def hold(conn: Connection, tenant: str, document_id: str, hold: Hold | None) -> bool:
    """Keep it out of the ERP, or release it with None; what was taken back is then posted again
    under the next generation of its key. False where it is unknown, to be held and in the books, or
    to be released and not held."""
    values = {"tenant": tenant, "document": document_id}
    if hold is not None:
        done = await conn.execute(HOLD, {**values, "hold": hold.model_dump_json()})
        return done.rowcount > 0
    again = await conn.execute(RELEASE, values)
    return again.rowcount > 0 or (await conn.execute(RELEASE_AS_IT_IS, values)).rowcount > 0


async def take_back(conn: Connection, tenant: str, document_id: str, hold: Hold) -> bool:
    """It is to be reversed, and stays out from then on. False where it is not posted."""
    given = {"tenant": tenant, "document": document_id, "hold": hold.model_dump_json()}
    return (await conn.execute(TAKE_BACK, given)).rowcount > 0


async def leave(conn: Connection, tenant: str, subject: str, document_id: str, hold: Hold) -> bool:
    """A person has said no to what was asked of this document of the subject: it stays out of the
    books, or there as it was posted although billing has changed it, until it is released, or
    although somebody had it taken back. False where it is none, agrees with the ERP, or is held
    already."""
    given = {
        "tenant": tenant,
        "subject": subject,
        "document": document_id,
        "hold": hold.model_dump_json(),
    }
    if (await conn.execute(STAY, given)).rowcount:
        return True
    done = await conn.execute(LEAVE, given)
    return done.rowcount > 0


async def correct(conn: Connection, tenant: str, correction: DocumentCorrection) -> bool:
    """A person's word on how it is posted, in place of the one before. False where the document is
    unknown."""
    done = await conn.execute(
        CORRECT,
        {
            "tenant": tenant,
            "document": correction.document_id,
            "correction": correction.model_dump_json(),
        },
    )
    return done.rowcount > 0


async def link(
    conn: Connection,
    tenant: str,
    document_id: str,
    erp: ErpDocument,
    *,
    party: str,
    by: str,
    change_id: str | None,
) -> bool:
    """The ERP document that people made is this one, as a change has found, None where it was none
    of a change; a document of before the cutover stays one. False where it is unknown or in the
    books already, or another has that ERP document."""
    done = await conn.execute(
        LINK,
        {
            **_erp(erp),
            "tenant": tenant,
            "document": document_id,
            "party": party,
            "by": by,
            "change": change_id,
        },
    )
    return done.rowcount > 0


def _erp(erp: ErpDocument) -> dict[str, Any]:
    return {
        "legal_entity": erp.legal_entity,
        "erp_id": erp.document_id,
        "number": erp.number,
        "open": erp.open.minor,
        "gross": erp.gross.minor,
        "tax": erp.tax.minor,
        "posted": erp.model_dump_json(),
    }


def _email_digest(tenant: str, document: BillingDocument) -> str | None:
    """Of the address that it names."""
    email = document.bill_to.email if document.bill_to else None
    return digest(tenant, email) if email else None
