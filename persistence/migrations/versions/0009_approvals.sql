alter table approvals add column roles text[],
  drop constraint approvals_pkey,
  add constraint approvals_pkey primary key (tenant, document_id, content, approved_by);

create table approval_requests (
  tenant text not null,
  document_id text not null,
  content text not null,
  needs jsonb not null,
  asked_at timestamptz not null default now(),
  primary key (tenant, document_id)
);
