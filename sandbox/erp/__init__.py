"""The embedded ERP: creates, seeds and runs a real Tryton, which is never imported."""
