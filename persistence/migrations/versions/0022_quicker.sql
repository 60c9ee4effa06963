-- As it holds at one time: `mappings_one_open` has those alone that have no end.
create index mappings_by_source on mappings (tenant, kind, source);
-- The few accounts whose months begin elsewhere than those of their legal entity.
create index mappings_by_zone on mappings (tenant, source)
    where kind = 'account' and valid_to is null and (target ->> 'time_zone') is not null;
-- What is told of a comparison and is not compared.
create index fact_documents_untaxed on fact_documents (tenant, issued_at)
    where system = 'billing' and stands and tax_minor is null;
create index documents_aside on documents (tenant)
    where state in ('reversed', 'before_cutover') and erp_document_id is not null;
create index shadow_changes_by_time on shadow_changes (tenant, planned_at);
