alter table drifts add column if not exists waits boolean default true not null;
