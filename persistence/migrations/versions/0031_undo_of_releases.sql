alter table batches drop constraint batches_kind, add constraint batches_kind
  check (kind in ('adopt', 'replay', 'preview', 'release', 'backfill', 'trial', 'undo'));
