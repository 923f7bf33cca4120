"""Keys of contacts: equal on every run, so that a system can refuse a contact twice."""

from datetime import date
from hashlib import blake2b

import numpy as np

from omniltv._arrays import Objects

__all__ = ["contact_keys"]


def contact_keys(ids: Objects, treatment: str, channel: str, on: date) -> Objects:
    """Return the key of a contact of each customer, of the shape of ``ids``."""
    start = blake2b(f"{treatment}\x00{channel}\x00{on.isoformat()}\x00".encode(), digest_size=8)
    keys = np.empty(len(ids), dtype=object)
    for row, customer in enumerate(ids.tolist()):
        own = start.copy()
        own.update(str(customer).encode())
        keys[row] = own.hexdigest()
    return keys
