"""A wire-level stand-in for Zendesk Support: the part of its public API v2 that support sync needs.

Source of every rule here: the API reference at https://developer.zendesk.com/api-reference/.
"""
