"""/v1/customers/{id}/tax_ids (https://docs.stripe.com/billing/customer/tax-ids)."""

import re

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.errors import Json, StripeError, missing
from sandbox.simulators.stripe.fields import Routes, deleted, living
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.listing import page

_TYPE = re.compile(
    r"ad_nrt|ae_trn|al_tin|am_tin|ao_tin|ar_cuit|au_abn|au_acn|au_arn|au_wpn|aw_tin|az_tin|"
    r"ba_tin|bb_tin|bd_bin|bf_ifu|bg_uic|bh_vat|bj_ifu|bo_tin|br_cnpj|br_cpf|bs_tin|bw_vat|"
    r"by_tin|ca_bn|ca_gst_hst|ca_pst_bc|ca_pst_mb|ca_pst_sk|ca_qst|cd_nif|ch_uid|ch_vat|"
    r"ci_vat|cl_tin|cm_niu|cn_tin|co_nit|cr_tin|cv_nif|cz_dic|de_stn|do_rcn|ec_ruc|eg_tin|"
    r"es_cif|et_tin|eu_oss_vat|eu_vat|fo_vat|fr_siren|fr_siret|fr_spi|gb_vat|ge_vat|gh_tin|"
    r"gi_tin|gn_nif|hk_br|hr_oib|hu_tin|ic_nif|id_npwp|il_vat|in_gst|is_kt|is_vat|it_cf|jp_cn|"
    r"jp_rn|jp_trn|ke_pin|kg_tin|kh_tin|kr_brn|kz_bin|la_tin|li_uid|li_vat|lk_vat|ma_vat|"
    r"md_cf|md_vat|me_pib|mk_vat|mr_nif|mu_vat|mx_rfc|my_frp|my_itn|my_sst|mz_nuit|ng_tin|"
    r"no_vat|no_voec|np_pan|nz_bn|nz_gst|om_vat|pe_ruc|ph_tin|pl_nip|pt_nif|py_ruc|ro_tin|"
    r"rs_pib|ru_inn|ru_kpp|sa_vat|sg_gst|sg_uen|si_tin|sm_coe|sn_ninea|sr_fin|sv_nit|th_vat|"
    r"tj_tin|tr_tin|tt_bir|tt_vat|tw_vat|tz_vat|ua_vat|ug_tin|us_ein|uy_ruc|uz_tin|uz_vat|"
    r"ve_rif|vn_tin|za_vat|zm_tin|zw_tin"
)
_EU = (
    *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU"),
    *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "XI"),
)
_EU_VAT = re.compile(rf"({'|'.join(_EU)})[0-9A-Z+*]{{2,12}}")
# Stripe checks these against registers, later; in test mode the digits say how that ends.
_CHECKED = ("au_abn", "eu_vat", "gb_vat")
_OUTCOMES = {"000000000": "verified", "111111111": "unverified"}


def add_tax_id(ctx: Context, customer: Json, p: Params) -> Json:
    """A tax id of a customer from its `type` and `value`; returns the view."""
    kind, value = p.need("type"), p.need("value")
    if not _TYPE.fullmatch(kind):
        raise StripeError(f"Invalid type: {kind[:40]} is no type of a tax id.", param="type")
    if kind == "eu_vat" and not _EU_VAT.fullmatch(value):
        raise StripeError("Invalid value for eu_vat.", code="tax_id_invalid", param=p.name("value"))
    country = value[:2].replace("EL", "GR") if kind == "eu_vat" else kind[:2].upper()
    status = "unavailable"
    if kind in _CHECKED:
        status = _OUTCOMES.get(re.sub("[^0-9]", "", value), "pending")
    obj: Json = {
        "id": new_id("txi"),
        "object": "tax_id",
        "country": country,
        "created": ctx.now(customer["id"]),
        "customer": customer["id"],
        "customer_account": None,
        "livemode": False,
        "owner": {"customer": customer["id"], "type": "customer"},
        "type": kind,
        "value": value,
        "verification": {"status": status, "verified_address": None, "verified_name": None},
    }
    return ctx.create(obj, "customer.tax_id.created")


def create(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """One more tax id of the customer."""
    return add_tax_id(ctx, living(ctx, path["id"]), p)


def _of_customer(ctx: Context, path: dict[str, str]) -> Json:
    found = ctx.store.need("tax_id", path["tax_id"])
    if found["customer"] != path["id"]:
        raise missing("tax_id", path["tax_id"][:80], None)
    return found


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One tax id."""
    return ctx.view(_of_customer(ctx, path))


def delete(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """Remove a tax id; invoices that are final keep it."""
    obj = _of_customer(ctx, path)
    ctx.emit("customer.tax_id.deleted", ctx.view(obj))
    ctx.store.delete(obj["id"])
    return deleted(obj)


def listing(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """All tax ids of the customer, the newest first."""
    customer = ctx.store.need("customer", path["id"])
    return page(
        ctx, p, "tax_id", f"/v1/customers/{customer['id']}/tax_ids", customer=customer["id"]
    )


ROUTES: Routes = [
    ("POST", "/v1/customers/{id}/tax_ids", create),
    ("GET", "/v1/customers/{id}/tax_ids", listing),
    ("GET", "/v1/customers/{id}/tax_ids/{tax_id}", retrieve),
    ("DELETE", "/v1/customers/{id}/tax_ids/{tax_id}", delete),
]
