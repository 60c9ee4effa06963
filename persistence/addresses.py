"""Customers by an e-mail address that billing's documents name. The address is not kept: who asks
knows it, and a digest finds the same."""

import hashlib


def digest(tenant: str, email: str) -> str:
    """Of the address as people write it, of one tenant. Whoever has the database and an address can
    tell that they belong together: it is personal data, and erased like it."""
    said = f"{tenant}\0{email.strip().casefold()}"
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
