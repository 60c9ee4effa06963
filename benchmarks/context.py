"""What support's view of a whole customer costs, from what is kept.

    python -m benchmarks.context [--customers 2000]

Fills a PostgreSQL of its own with so many customers of one tenant, one of them with a long life:
subscriptions, documents, movements, grants, cases at the desk, changes on their way and questions.
The view is asked for as the API does it, some times, and the median counts.
"""

import argparse
import asyncio
import sys
from functools import partial

import psycopg
from temporalio.client import Client

from benchmarks.cases import median_ms
from benchmarks.limits import Limit, told
from operations import support
from operations.context import AppContext
from operations.engine import Engine
from operations.support import Asked
from persistence.addresses import digest
from persistence.database import Database, migrate
from tests.harness.postgres import durable_server

_TENANT = "acme"
_LONG = "cus_1"
_SUBSCRIPTIONS, _DOCUMENTS = 5, 200

_ITEM = """json_build_object('item_id', 'si_' || s, 'plan', json_build_object('plan_id', 'price',
  'item', 'pro', 'unit_price', json_build_object('minor', 4900, 'currency', 'EUR')),
  'quantity', 10, 'period_start', now(), 'period_end', now() + interval '30 days')"""

#: All of `customers`, whose first one has more of everything.
_FILL = (
    """insert into mappings (tenant, kind, source, target, set_by)
    select 'acme', 'account', 'cus_' || n, jsonb_build_object('billing_customer', 'cus_' || n,
      'erp_party', n::text, 'support_organization', 'cus_' || n, 'legal_entity', 'DE',
      'valid_from', null, 'time_zone', null), 'anna' from generate_series(1, %(customers)s) n""",
    f"""insert into subscription_states (tenant, subscription_id, customer_id, change_id, snapshot)
    select 'acme', 'sub_' || n || '_' || s, 'cus_' || n, 'chg', jsonb_build_object(
      'subscription_id', 'sub_' || n || '_' || s,
      'customer', json_build_object('customer_id', 'cus_' || n), 'status', 'active',
      'currency', 'EUR', 'items', json_build_array({_ITEM}), 'started_at', now(),
      'metadata', json_build_object('serial', 'SN-' || n), 'as_of', now())
    from generate_series(1, %(customers)s) n,
      generate_series(1, case n when 1 then %(subscriptions)s else 1 end) s""",
    """insert into documents (tenant, document_id, connection, subject, customer_id,
      subscription_id, subscriptions, kind, number, status, currency, gross_minor, tax_minor,
      remaining_minor, issued_at, content, document, email_digest)
    select 'acme', 'in_' || n || '_' || d, 'stripe', 'sub_' || n || '_1', 'cus_' || n,
      'sub_' || n || '_1', array['sub_' || n || '_1'], 'invoice', n || '-' || d,
      case when mod(d, 10) = 0 then 'open' else 'paid' end, 'EUR', 58310, 9310,
      case when mod(d, 10) = 0 then 58310 else 0 end, now() - d * interval '7 days', 'c',
      jsonb_build_object('lines', (select jsonb_agg(jsonb_build_object('line_id', 'il_' || l,
        'item', 'pro', 'price', 'price', 'description', '10 x Pro', 'quantity', '10',
        'net', jsonb_build_object('minor', 9800, 'currency', 'EUR'), 'taxes', '[]'::jsonb,
        'proration', false, 'subscription_id', 'sub_' || n || '_1', 'item_id', 'si_1',
        'metadata', '{}'::jsonb)) from generate_series(1, 5) l)),
      case when n = 1 then %(digest)s end
    from generate_series(1, %(customers)s) n,
      generate_series(1, case n when 1 then %(documents)s else 10 end) d""",
    """insert into settlements (tenant, settlement_id, customer_id, subject, document_id, kind,
      minor, currency, at, settlement)
    select tenant, 'pay_' || document_id, customer_id, subject, document_id, 'payment', gross_minor,
      currency, issued_at, '{}' from documents where remaining_minor = 0""",
    """insert into grants (tenant, customer_id, feature, source, source_id, change_id, quantity,
      starts_at)
    select 'acme', 'cus_' || n, 'feature_' || f, 'subscription', 'si_1', 'chg', f, now()
    from generate_series(1, %(customers)s) n, generate_series(1, 10) f""",
    """insert into support_contributions (tenant, subscription_id, customer_id, organization,
      contribution)
    select tenant, subscription_id, customer_id, customer_id,
      '{"tier": "premium", "contract_end": null, "features": ["sso"]}' from subscription_states""",
    """insert into support_desks (tenant, organization) select 'acme', 'cus_' || n
    from generate_series(1, %(customers)s) n""",
    """insert into support_cases (tenant, case_id, organization, status, opened_at)
    select 'acme', n || '-' || c, 'cus_' || n, 'open', now()
    from generate_series(1, %(customers)s) n, generate_series(1, 10) c""",
    """insert into changes (id, tenant, connection, subject, subscription_id, customer_id, event_id,
      kind, state, occurred_at)
    select 'chg_' || n || '_' || c, 'acme', 'stripe', 'sub_' || n || '_1', 'sub_' || n || '_1',
      'cus_' || n, 'evt_' || n || '_' || c, 'upgrade',
      case c when 1 then 'waiting' else 'pending' end, now()
    from generate_series(1, %(customers)s) n, generate_series(1, 3) c""",
    """insert into exceptions (id, tenant, change_id, belongs_to, subscription_id, customer_id,
      step, system, failure_class, code, subject, fingerprint, owner, message, due_at)
    select 'exc_' || n, 'acme', 'chg_' || n || '_1', 'sub_' || n || '_1', 'sub_' || n || '_1',
      'cus_' || n, 'books', 'erp', 'rejected', 'item_unmapped', 'prod', 'f', 'finance',
      'cannot be posted', now() from generate_series(1, %(customers)s) n""",
)
_EMAIL = "ap@example.com"


def fill(dsn: str, customers: int) -> None:
    values = {
        "customers": customers,
        "subscriptions": _SUBSCRIPTIONS,
        "documents": _DOCUMENTS,
        "digest": digest(_TENANT, _EMAIL),
    }
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        for statement in _FILL:
            connection.execute(statement.encode(), values)
        connection.execute("vacuum analyze")


async def measured(dsn: str, customers: int) -> list[Limit]:
    await migrate(dsn)
    await asyncio.to_thread(fill, dsn, customers)
    database = Database(dsn, ping=False)
    context = AppContext(database, Engine(_away, namespace="default"))
    asked = {
        "customer": Asked(customer=_LONG),
        "organisation": Asked(organization=_LONG),
        "e-mail address": Asked(email=_EMAIL),
    }
    try:
        shown = await support.context_of(context, _TENANT, asked["customer"])
        (whole,) = shown.customers
        documents, cases = whole.documents.value, whole.cases.value
        if not (documents and len(documents.items) == _DOCUMENTS / 10 and cases and cases.items):
            raise RuntimeError("what is measured is not the whole customer")
        return [
            Limit(
                f"support context by {name}",
                await median_ms(partial(support.context_of, context, _TENANT, each)),
                50,
                " ms",
            )
            for name, each in asked.items()
        ]
    finally:
        await database.close()


async def _away() -> Client:
    raise RuntimeError("the view asks PostgreSQL alone")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=2000)
    given = parser.parse_args()
    with durable_server() as server:
        return told(asyncio.run(measured(server.dsn("postgres"), given.customers)))


if __name__ == "__main__":
    sys.exit(main())
