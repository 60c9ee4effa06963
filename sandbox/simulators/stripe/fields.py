"""What many resources share: metadata, plain texts, tax rates, the customer they belong to."""

from collections.abc import Callable, Sequence

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json, StripeError, missing
from sandbox.simulators.stripe.forms import Params

Handler = Callable[[Context, Params, dict[str, str]], Json]
Routes = list[tuple[str, str, Handler]]

_MOST_KEYS = 50
_LONGEST_KEY = 40
_LONGEST_VALUE = 500
_MOST_FIELDS = 4


def merge_metadata(p: Params, current: dict[str, str]) -> dict[str, str]:
    """Stripe's merge: given keys are set, an empty value deletes its key, `""` deletes all."""
    if p.cleared("metadata"):
        p.text("metadata")
        return {}
    given = p.mapping("metadata") or {}
    for key, value in given.items():
        if len(key) > _LONGEST_KEY or "[" in key or "]" in key:
            raise StripeError(
                f"Metadata keys can be up to {_LONGEST_KEY} characters long.", param="metadata"
            )
        if len(value) > _LONGEST_VALUE:
            raise StripeError(
                f"Metadata values can have up to {_LONGEST_VALUE} characters; {key} has more.",
                param="metadata",
            )
    merged = {key: value for key, value in {**current, **given}.items() if value != ""}
    if len(merged) > _MOST_KEYS:
        raise StripeError(f"Metadata can have up to {_MOST_KEYS} keys.", param="metadata")
    return merged


def set_texts(p: Params, obj: Json, names: Sequence[str]) -> None:
    """Copy the given texts into the object; an empty one unsets."""
    for name in names:
        value = p.text(name)
        if value is not None:
            obj[name] = value or None


def set_hash(p: Params, obj: Json, name: str, members: Sequence[str]) -> None:
    """Merge a small hash of texts, such as an address; an empty string unsets it whole."""
    if p.cleared(name):
        p.text(name)
        obj[name] = None
    elif sub := p.sub(name):
        merged: Json = dict.fromkeys(members) | (obj.get(name) or {})
        set_texts(sub, merged, members)
        obj[name] = merged


def living(ctx: Context, key: str, param: str | None = None) -> Json:
    """The customer, for whatever needs one: of a deleted customer only history is left.

    Raises `resource_missing` for an unknown and for a deleted one, in the same words.
    """
    found = ctx.store.need("customer", key, param)
    if found.get("_deleted"):
        raise missing("customer", key[:80], param)
    return found


def living_owner(ctx: Context, p: Params) -> str | None:
    """The `customer` that a list is narrowed to, None for no narrowing.

    Stripe refuses to list pending items and payments of a customer that it deleted, where it goes
    on listing the documents.
    """
    key = p.text("customer")
    if key and (ctx.store.get(key) or {}).get("_deleted"):
        raise missing("customer", key[:80], "customer")
    return key


def custom_fields(p: Params) -> list[Json] | None:
    """Up to four names with values that invoices show, such as a purchase order's number."""
    given = p.subs("custom_fields")
    if given is None:
        return None
    if len(given) > _MOST_FIELDS:
        raise StripeError(
            f"An invoice shows at most {_MOST_FIELDS} custom fields.", param=p.name("custom_fields")
        )
    found: list[Json] = []
    for field in given:
        entry = {"name": field.need("name"), "value": field.need("value")}
        for name, longest in (("name", 40), ("value", 140)):
            if len(entry[name]) > longest:
                raise StripeError(
                    f"Invalid string: {entry[name][:40]}…; must be at most {longest} characters",
                    param=field.name(name),
                )
        found.append(entry)
    return found


def tax_rate_ids(ctx: Context, p: Params, key: str) -> list[str] | None:
    """Ids of active, existing tax rates. None when not given."""
    ids = p.strings(key)
    for rate_id in ids or []:
        rate = ctx.store.need("tax_rate", rate_id, p.name(key))
        if not rate["active"]:
            raise StripeError(f"The tax rate {rate_id} is archived.", param=p.name(key))
    return ids


def deleted(obj: Json) -> Json:
    """What Stripe answers to a deletion."""
    return {"id": obj["id"], "object": obj["object"], "deleted": True}
