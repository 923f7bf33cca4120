"""Customer ids that last from run to run."""

from omniltv.identity.store.store import (
    IdentityStore,
    StoreUpdate,
)

__all__ = ["IdentityStore", "StoreUpdate"]
