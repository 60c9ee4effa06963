alter table batches drop constraint batches_kind;
alter table batches add constraint batches_kind
    check (kind in ('adopt', 'replay', 'preview', 'release', 'backfill'));

alter table breakers add column answer_ms integer;

-- What is pending of a subject goes in its order: a live change does not wait in the row of bulk for
-- what was asked for before it.
create or replace function change_was_added() returns trigger language plpgsql as $$
begin
    update changes set lane = new.lane
    where tenant = new.tenant and subject = new.subject and state = 'pending'
      and lane > new.lane;
    if exists (select from changes where tenant = new.tenant and subject = new.subject
      and state = 'waiting') then
        perform mark_news(new.tenant, new.subject);
    elsif new.state <> 'pending' or exists (select from changes
      where tenant = new.tenant and subject = new.subject and ready and seq > new.seq) then
        perform mark_changes(new.tenant, new.subject);
    end if;
    return null;
end
$$;
