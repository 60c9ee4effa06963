create table mend_drafts (
    tenant text not null,
    cause text not null,
    mend jsonb,
    said_by text,
    said_at timestamptz,
    version integer default 0 not null,
    proposed jsonb,
    proposed_at timestamptz,
    primary key (tenant, cause),
    constraint mend_drafts_said check ((said_by is null) = (said_at is null))
);

-- What was meant to mend a cause is of no use once nothing waits for it.
create function drop_drafts() returns trigger language plpgsql as $$
begin
    delete from mend_drafts where tenant = new.tenant and cause = new.id;
    return null;
end $$;
create trigger causes_drop_drafts after update of state on causes for each row
    when (new.state = 'closed' and old.state <> 'closed') execute function drop_drafts();

create table person_settings (
    person_id text not null references people (id),
    zone text,
    theme text,
    keys boolean default true not null,
    page_size integer default 50 not null,
    set_at timestamptz default now() not null,
    primary key (person_id),
    constraint person_settings_theme check (theme in ('light', 'dark')),
    constraint person_settings_page_size check (page_size between 10 and 100)
);
