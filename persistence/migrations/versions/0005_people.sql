create table people (
    id text primary key,
    name text not null unique,
    email text unique,
    password_hash text,
    oidc_issuer text,
    oidc_subject text,
    invitation_hash bytea unique,
    invited_to text,
    invited_until timestamptz,
    created_at timestamptz not null default now(),
    created_by text not null,
    constraint people_named check (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    constraint people_email check (email = lower(email)),
    constraint people_oidc check ((oidc_issuer is null) = (oidc_subject is null)),
    constraint people_invited check (
        (invitation_hash is null) = (invited_to is null)
        and (invitation_hash is null) = (invited_until is null)
    )
);
create unique index people_by_subject on people (oidc_issuer, oidc_subject);

create table memberships (
    person_id text not null references people,
    tenant text not null,
    role text not null,
    granted_by text not null,
    granted_at timestamptz not null default now(),
    primary key (person_id, tenant, role),
    constraint memberships_role
        check (role in ('viewer', 'support', 'finance', 'operations', 'admin'))
);
create index memberships_by_tenant on memberships (tenant, role);

create table sessions (
    token_hash bytea primary key,
    person_id text not null references people,
    address text not null,
    began_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    ends_at timestamptz not null,
    ended_at timestamptz
);
create index sessions_by_person on sessions (person_id, address);

create table sign_in_failures (
    what bytea primary key,
    failures integer not null,
    last_at timestamptz not null default now(),
    waits_until timestamptz
);
create index sign_in_failures_by_time on sign_in_failures (last_at);

alter table api_keys
    add column person_id text references people,
    add column expires_at timestamptz,
    add column last_used_at timestamptz;
create index api_keys_by_person on api_keys (person_id) where person_id is not null;
