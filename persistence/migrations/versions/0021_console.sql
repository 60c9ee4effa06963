alter table decisions drop constraint if exists decisions_door;
alter table decisions add constraint decisions_door
  check (door in ('api', 'cli', 'console', 'web_ui', 'trueup'));
alter table at_work drop constraint if exists at_work_part;
alter table at_work add constraint at_work_part check (part in ('worker', 'api', 'console'));
