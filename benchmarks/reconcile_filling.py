"""Facts and records of many subscriptions, made by the database itself."""

from typing import Any

import psycopg

#: One in so many differs: in its document, what is earned by it, what is kept for the customer,
#: what is sold, and at support.
DIFFERING_IN = 1000
#: Differences of each that differs.
APART = 5
#: For one customer in so many billing keeps something.
_KEPT_IN = 10

_SNAPSHOT = """'{"status": "active", "items": [{"plan": {"item": "pro"}, "quantity": 5}]}'::jsonb"""

#: Half of the month is of the next one.
_DOCUMENT = """'{"lines": [{"line_id": "il", "net": {"minor": 10000, "currency": "EUR"},
  "period_start": "2026-11-16T00:00:00Z", "period_end": "2026-12-16T00:00:00Z"}]}'::jsonb"""

_STATEMENTS = (
    """insert into mappings (tenant, kind, source, target, valid_from, set_by)
    select 'acme', 'account', 'cus_' || n, jsonb_build_object('billing_customer', 'cus_' || n,
      'erp_party', 'C-' || n, 'support_organization', 'org_' || n, 'legal_entity', 'LE-DE'),
      '2026-01-01', 'bench' from generate_series(0, %(last)s) n""",
    """insert into fact_documents (tenant, system, place, key, kind, account, subscription_id,
      number, reference, billing_number, currency, gross_minor, tax_minor, open_minor, issued_at,
      issued_on, ours, books_currency, earned, at_once, schedules)
    select 'acme', side.system, side.place, side.key, 'invoice', side.account, 'sub_' || n,
      side.number, side.reference, side.billing_number, 'EUR', 11900, 1900, side.open,
      '2026-11-16', '2026-11-16', true, case side.system when 'erp' then 'EUR' end,
      case side.system when 'erp' then jsonb_build_object('2026-11', jsonb_build_array(5000, 5000),
        '2026-12', case when n %% %(in)s = 0 then jsonb_build_array(4000, -4000)
          else jsonb_build_array(5000, -5000) end) end,
      case side.system when 'erp' then '[]'::jsonb end,
      case side.system when 'erp' then '[["2026-11-16", "2026-12-15"]]'::jsonb end
    from generate_series(0, %(last)s) n, lateral (values
      ('billing', '', 'in_' || n, 'cus_' || n, 'A-' || n, null, null, 0),
      ('erp', 'LE-DE', n::text, 'C-' || n, 'ERP-' || n, 'in_' || n, 'A-' || n,
        case when n %% %(in)s = 0 then 11900 else 0 end)
    ) as side (system, place, key, account, number, reference, billing_number, open)""",
    """insert into fact_entries (tenant, place, key, kind, account, currency, minor, on_day, number,
      beside, ours)
    select 'acme', 'LE-DE', 'line/' || n, 'receivable', 'C-' || n, 'EUR', 11900, date '2026-11-16',
      n::text, false, true from generate_series(0, %(last)s, %(in)s) n
    union all
    select 'acme', 'LE-DE', 'kept/' || n, 'receivable', 'C-' || n, 'EUR', -500, date '2026-11-16',
      n::text, true, true from generate_series(0, %(last)s, %(kept)s) n where n %% %(in)s <> 0""",
    """insert into fact_balances (tenant, customer_id, currency, minor)
    select 'acme', 'cus_' || n, 'EUR', 500 from generate_series(0, %(last)s, %(kept)s) n
    union all
    select 'acme', 'cus_' || n, '', 0 from generate_series(0, %(last)s) n
      where n %% %(kept)s <> 0""",
    f"""insert into documents (tenant, connection, document_id, subject, customer_id,
      subscription_id, kind, number, status, currency, gross_minor, tax_minor, remaining_minor,
      issued_at, content, document, state, legal_entity, party, erp_document_id, erp_number,
      erp_open_minor, erp_gross_minor, erp_tax_minor, posted, posted_content, effect_key, seen_at,
      erp_status, erp_status_shown)
    select 'acme', 'stripe', 'in_' || n, 'sub_' || n, 'cus_' || n, 'sub_' || n, 'invoice',
      'A-' || n, 'paid', 'EUR', 11900, 1900, 0, '2026-11-16', 'c', {_DOCUMENT}, 'posted', 'LE-DE',
      'C-' || n, n::text, 'ERP-' || n, 0, 11900, 1900,
      '{{"document_date": "2026-11-16", "posting_date": "2026-11-16"}}', 'c',
      'document:acme/in_' || n, '2026-11-16', 'paid', 'paid' from generate_series(0, %(last)s) n""",
    f"""insert into subscription_states (tenant, subscription_id, customer_id, change_id, snapshot,
      synced_at)
    select 'acme', 'sub_' || n, 'cus_' || n, 'chg_' || n, {_SNAPSHOT}, '2026-11-16'
    from generate_series(0, %(last)s) n""",
    """insert into fact_subscriptions (tenant, subscription_id, customer_id, status, items)
    select 'acme', 'sub_' || n, 'cus_' || n, 'active', jsonb_build_array(jsonb_build_array('pro',
      case when n %% %(in)s = 0 then 6 else 5 end)) from generate_series(0, %(last)s) n""",
    """insert into support_contributions (tenant, subscription_id, customer_id, organization,
      contribution, updated_at)
    select 'acme', 'sub_' || n, 'cus_' || n, 'org_' || n,
      '{"tier": "premium", "contract_end": "2026-12-16T00:00:00Z", "features": ["sso"]}',
      '2026-11-16' from generate_series(0, %(last)s) n""",
    """insert into fact_organizations (tenant, organization, tier, contract_end, features)
    select 'acme', 'org_' || n, case when n %% %(in)s = 0 then 'standard' else 'premium' end,
      '2026-12-16', '["sso"]' from generate_series(0, %(last)s) n""",
    """insert into effects (key, tenant, change_id, step, system, operation, request_hash,
      writes_set, state, attempt, vendor_reference, attempted_at, confirmed_at)
    select 'document:acme/in_' || n, 'acme', 'chg_' || n, 'invoice', 'erp', 'post', 'h',
      'document:acme/in_' || n, 'confirmed', 1, n::text, '2026-11-16', '2026-11-16'
    from generate_series(0, %(last)s) n""",
    """insert into settlements (tenant, settlement_id, customer_id, subject, document_id, kind,
      minor, currency, at, settlement, legal_entity, entry_id, settles, seen_at, entered_at)
    select 'acme', 'pay_' || n, 'cus_' || n, 'sub_' || n, 'in_' || n, 'payment', 11900, 'EUR',
      '2026-11-16', '{}', 'LE-DE', 'entry_' || n, n::text, '2026-11-16', '2026-11-16'
    from generate_series(0, %(last)s) n""",
    """insert into fact_reads (tenant, system, place, began_at, whole_at, until)
    select 'acme', system, place, now(), now(), date '2027-12-31'
    from (values ('billing', ''), ('erp', 'LE-DE'), ('support', '')) as read (system, place)""",
)


def fill(plain: psycopg.Connection[Any], subscriptions: int) -> None:
    values = {"last": subscriptions - 1, "in": DIFFERING_IN, "kept": _KEPT_IN}
    # What is sealed of each row is another measurement's.
    plain.execute("set session_replication_role = replica")
    for statement in _STATEMENTS:
        plain.execute(statement.encode(), values)
    plain.execute("vacuum analyze")
