create table payouts (
    tenant text not null,
    connection text not null,
    payout_id text not null,
    amount_minor bigint not null,
    currency text not null,
    status text not null,
    automatic boolean default true not null,
    created_at timestamptz default now() not null,
    arrives_on text not null,
    state text default 'seen' not null,
    booked jsonb,
    note text,
    updated_at timestamptz default now() not null,
    primary key (tenant, connection, payout_id),
    constraint payouts_status check (status in ('underway', 'paid', 'failed', 'canceled')),
    constraint payouts_state check (state in ('seen', 'booked', 'returned', 'held', 'before'))
);
create index payouts_by_time on payouts (tenant, created_at, payout_id);

create table cash_movements (
    tenant text not null,
    connection text not null,
    movement_id text not null,
    kind text not null,
    currency text not null,
    amount_minor bigint not null,
    fee_minor bigint not null,
    taken_minor bigint,
    taken_currency text,
    source_id text,
    payout_id text,
    at timestamptz default now() not null,
    primary key (tenant, connection, movement_id),
    constraint cash_movements_kind
        check (kind in ('charge', 'refund', 'dispute', 'fee', 'payout', 'other'))
);
create index cash_movements_loose on cash_movements (tenant, connection) where payout_id is null;
create index cash_movements_by_payout on cash_movements (tenant, connection, payout_id);

create table cash_looks (
    tenant text not null,
    connection text not null,
    legal_entity text not null,
    looked_at timestamptz default now() not null,
    seen_at timestamptz,
    standings jsonb not null,
    problem text,
    newest text,
    primary key (tenant, connection)
);
