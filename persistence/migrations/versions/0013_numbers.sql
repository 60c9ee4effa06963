create index effects_by_end on effects (tenant, system, confirmed_at)
  where confirmed_at is not null;
create index inbox_by_end on inbox (tenant, settled_at, replays) where settled_at is not null;
create index changes_renewed on changes (tenant, settled_at)
  where kind = 'renewal' and state = 'settled';
create index exceptions_by_end on exceptions (tenant, resolved_at) where state = 'resolved';
create index mappings_by_time on mappings (tenant, set_at) where kind = 'account';
create index targets_behind on target_states (tenant, target) where state <> 'current';
