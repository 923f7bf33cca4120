"""Customer ids that last from run to run."""

from omniltv.identity.store._report import StoreUpdate
from omniltv.identity.store.store import IdentityStore

__all__ = ["IdentityStore", "StoreUpdate"]
