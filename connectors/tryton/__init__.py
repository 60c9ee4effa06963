"""Tryton as the ERP: documents over its REST interface, tax rules over its JSON-RPC."""
