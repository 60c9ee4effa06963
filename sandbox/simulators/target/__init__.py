"""A stand-in for a system of the tenant's own that is told what its customers may use.

Signatures follow Standard Webhooks 1.0.0, https://www.standardwebhooks.com/; the requests and
answers are in the README of this folder.
"""
