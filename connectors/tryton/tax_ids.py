"""Tax ids between billing's words and Tryton's. Pure.

Tryton has a closed list of types (party.identifier, 8.2) whose check digits it tests; an ERP may
cut the list further. A kind that is not here, or that the ERP has cut, is kept as an identifier
without a type: it is shown, and never compared.
"""

import re
from collections.abc import Collection

from canonical_models.documents import TaxId

#: Billing's kinds in Tryton's words, where both are the same number of the same register. What
#: differs, such as `za_vat` from Tryton's `za_tin`, is left out: Tryton would refuse it.
TAX_ID_TYPES = {
    "ad_nrt": "ad_vat",
    "al_tin": "al_vat",
    "ar_cuit": "ar_vat",
    "au_abn": "au_vat",
    "az_tin": "az_voen",
    "bg_uic": "bg_vat",
    "br_cnpj": "br_vat",
    "br_cpf": "br_cpf",
    "by_tin": "by_vat",
    "ca_bn": "ca_vat",
    "ch_uid": "ch_uid",
    "ch_vat": "ch_vat",
    "cl_tin": "cl_vat",
    "cn_tin": "cn_vat",
    "co_nit": "co_vat",
    "cr_tin": "cr_vat",
    "de_stn": "de_stnr",
    "ec_ruc": "ec_vat",
    "eg_tin": "eg_vat",
    "es_cif": "es_cif",
    "eu_oss_vat": "eu_oss",
    "eu_vat": "eu_vat",
    "fo_vat": "fo_vat",
    "gb_vat": "gb_vat",
    "hr_oib": "hr_vat",
    "id_npwp": "id_vat",
    "in_gst": "in_vat",
    "is_vat": "is_vat",
    "it_cf": "it_codicefiscale",
    "jp_cn": "jp_vat",
    "ke_pin": "ke_vat",
    "kr_brn": "kr_vat",
    "me_pib": "me_vat",
    "mk_vat": "mk_vat",
    "mx_rfc": "mx_vat",
    "no_vat": "no_vat",
    "nz_gst": "nz_vat",
    "pe_ruc": "pe_vat",
    "pl_nip": "pl_vat",
    "rs_pib": "rs_vat",
    "ru_inn": "ru_vat",
    "sg_uen": "sg_vat",
    "si_tin": "si_vat",
    "sv_nit": "sv_vat",
    "tr_tin": "tr_vat",
    "tw_vat": "tw_vat",
    "us_ein": "us_ein",
    "uy_ruc": "uy_vat",
    "ve_rif": "ve_vat",
    "vn_tin": "vn_vat",
}

#: Types that Tryton does not take as the tax identifier of a document.
_NOT_ON_DOCUMENTS = frozenset(
    {"br_cpf", "ch_uid", "de_stnr", "es_cif", "eu_oss", "it_codicefiscale"}
)


_SWISS = re.compile("(MWST|TVA|IVA|TPV)$")


def type_of(tax_id: TaxId, allowed: Collection[str]) -> str | None:
    """Tryton's type; None for what it would keep without one."""
    found = TAX_ID_TYPES.get(tax_id.kind)
    return found if found in allowed else None


def on_documents(kind: str | None) -> bool:
    """Whether a document can name an identifier of Tryton's type."""
    return kind is not None and kind not in _NOT_ON_DOCUMENTS


def identifies(tax_id: TaxId) -> bool:
    """Whether it may tell who somebody is. Anybody can type a number: where billing checks it, it
    has to have been confirmed. One that names another country than its register is a mistake."""
    kind = TAX_ID_TYPES.get(tax_id.kind)
    if kind is None or tax_id.verified is False:
        return False
    country = _issuer(kind, tax_id.value)
    return tax_id.country is None or country in (None, tax_id.country.upper())


def same_number(kind: str, one: str, other: str) -> bool:
    """Whether two codes of one of Tryton's types are the same number, however written."""
    return number(kind, one) == number(kind, other)


def number(kind: str | None, code: str) -> str:
    """What is compared: without what people write between, or before a national number."""
    plain = "".join(sign for sign in code if sign.isalnum()).upper()
    if kind is None or kind == "eu_vat":
        return plain
    if kind == "ch_vat":
        # The tax behind the number, in one of the country's languages.
        plain = _SWISS.sub("", plain)
    return plain.removeprefix(kind.partition("_")[0].upper())


def _issuer(kind: str, value: str) -> str | None:
    """The country whose register it is; None for those of all the Union."""
    country = kind.partition("_")[0].upper()
    if kind == "eu_vat":
        country = number(kind, value)[:2]
    if country == "EL":
        return "GR"
    # Northern Ireland has a prefix of its own beside the Union's.
    return None if country in ("EU", "XI") else country
