"""Mappings and corrections from command-line options."""

from datetime import datetime
from typing import Annotated

import typer
from pydantic import ValidationError

from canonical_models.exceptions import DocumentCorrection
from canonical_models.mapping import AccountMapping, ItemMapping
from cli.output import ExitCode, Problem

Organization = Annotated[
    str | None,
    typer.Option(help="External id of the support organisation (default: the customer's id)."),
]
Entity = Annotated[str | None, typer.Option(help="Code of the legal entity.")]
PerUnit = Annotated[
    list[str] | None, typer.Option(help="Feature granted in the subscribed quantity; repeatable.")
]
Included = Annotated[list[str] | None, typer.Option(help="Feature granted once; repeatable.")]
Tier = Annotated[str | None, typer.Option(help="Support tier that the item brings.")]


def account_mapping(
    customer: str, party: str, organization: str | None, entity: str | None
) -> AccountMapping:
    if entity is None:
        raise Problem(
            f"the account of {customer} needs a legal entity",
            code=ExitCode.USAGE,
            remedy="add --entity CODE",
        )
    try:
        return AccountMapping(
            billing_customer=customer,
            erp_party=party,
            support_organization=organization or customer,
            legal_entity=entity,
        )
    except ValidationError as fault:
        raise _unfit(fault) from None


def item_mapping(
    item: str,
    erp_item: str,
    per_unit: list[str] | None,
    included: list[str] | None,
    tier: str | None,
) -> ItemMapping:
    try:
        return ItemMapping(
            item=item,
            erp_item=erp_item,
            per_unit=tuple(per_unit or ()),
            included=tuple(included or ()),
            support_tier=tier,
        )
    except ValidationError as fault:
        raise _unfit(fault) from None


def correction(
    document: str, tax_code: str | None, day: datetime | None, link: str | None
) -> DocumentCorrection:
    try:
        return DocumentCorrection(
            document_id=document,
            tax_code=tax_code,
            posting_date=day.date() if day else None,
            link=link,
        )
    except ValidationError as fault:
        raise _unfit(fault) from None


def pair(given: str, option: str) -> tuple[str, str]:
    """`left=right` of an option; the left may be `name=value` of metadata."""
    left, sign, right = given.rpartition("=")
    if not (left and sign and right):
        raise Problem(
            f"{option} {given!r} is not NAME=NAME",
            code=ExitCode.USAGE,
            remedy=f"write it as {option} 'prod_x=AI-ADDON'",
        )
    return left, right


def _unfit(fault: ValidationError) -> Problem:
    fields = sorted({str(error["loc"][0]) for error in fault.errors()})
    return Problem(
        f"the correction is not valid in {', '.join(fields)}",
        code=ExitCode.USAGE,
        remedy="names have 1 to 255 printable characters without spaces",
    )
