-- Whoever marks a change as ready tells the dispatcher: a settlement that waited for the lock of its
-- subject could not see, when it began, that something would come behind it.
create or replace function mark_changes(of_tenant text, of_subject text) returns text
language plpgsql as $$
declare
    open_one text;
    marked text;
    next_one text;
begin
    perform lock_subject(of_tenant, of_subject);
    -- Whoever is claiming it now has it first.
    select id into marked from changes
    where tenant = of_tenant and subject = of_subject and ready for update;
    select state into open_one from changes where tenant = of_tenant and subject = of_subject
      and state in ('starting', 'running', 'waiting');
    if open_one is null then
        select id into next_one from (
            select id, held from changes
            where tenant = of_tenant and subject = of_subject and state = 'pending'
            order by seq limit 1) as oldest
        where not held;
    end if;
    if marked is distinct from next_one then
        update changes set ready = false where id = marked;
        update changes set ready = true where id = next_one;
        if next_one is not null then
            perform pg_notify('trueup_changes', '');
        end if;
    end if;
    return open_one;
end
$$;
