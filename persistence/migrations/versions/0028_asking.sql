alter table inbox add column if not exists ask_after timestamptz;
alter table inbox add column if not exists asked integer default 0 not null;
create index if not exists inbox_to_ask on inbox (ask_after) where ask_after is not null;
