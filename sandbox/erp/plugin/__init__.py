"""Loaded by the ERP server itself, by path; nothing of ours imports from here."""
