"""Keys of contacts: equal on every run, so that a system can refuse a contact twice."""

from datetime import date
from hashlib import blake2b

__all__ = ["contact_key"]


def contact_key(customer: object, treatment: str, channel: str, on: date) -> str:
    """Return the key of a contact."""
    text = f"{treatment}\x00{channel}\x00{on.isoformat()}\x00{customer}"
    return blake2b(text.encode(), digest_size=8).hexdigest()
