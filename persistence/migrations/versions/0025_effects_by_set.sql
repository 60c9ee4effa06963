create index if not exists effects_by_set on effects (writes_set, confirmed_at)
  where writes_set is not null;
