create table account_places (
    tenant text not null,
    customer_id text not null,
    parent text,
    payer text,
    external_ids jsonb not null,
    wanted boolean default false not null,
    set_by text not null,
    set_at timestamptz default now() not null,
    primary key (tenant, customer_id),
    constraint account_places_parent check (parent <> customer_id),
    constraint account_places_payer check (payer <> customer_id)
);
create index account_places_by_parent on account_places (tenant, parent) where parent is not null;
create index account_places_by_payer on account_places (tenant, payer) where payer is not null;
create index account_places_by_external_id on account_places using gin (external_ids);
