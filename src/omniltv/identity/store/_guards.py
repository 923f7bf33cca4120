"""Changes of a store that are refused: unknown records, and exports that lack many records."""

from collections.abc import Collection, Sequence

from omniltv._arrays import Flags
from omniltv.errors import ConfigError, DataError
from omniltv.identity.records.columns import RecordKey, Records

__all__ = ["MOST_GONE", "refuse_both", "refuse_loss", "refuse_unknown"]

MOST_GONE = 0.2
"""Largest share of the stored records that one run removes by default."""

_A_FEW = 10  # records that any run may remove


def refuse_unknown(keys: Collection[RecordKey]) -> None:
    """Raise DataError if there are records that the store does not have."""
    if keys:
        hint = "store.crosswalk has all known records"
        raise DataError("no such record", column="record_id", rows=sorted(keys), hint=hint)


def refuse_loss(gone: Sequence[RecordKey], n_records: int, most_gone: float) -> None:
    """Raise DataError if a run would remove all records, or many of them."""
    if not 0 <= most_gone <= 1:
        hint = "most_gone=0.5 lets a run remove half of the records"
        raise ConfigError(f"most_gone is from 0 to 1, got {most_gone}. Hint: {hint}")
    all_or_many = len(gone) == n_records or len(gone) > _A_FEW
    if all_or_many and len(gone) > most_gone * n_records:
        problem = f"{len(gone):,} of {n_records:,} records would be removed from the store"
        hint = "check that the export is complete, or allow it: most_gone=1.0"
        raise DataError(problem, column="record_id", rows=gone, hint=hint)


def refuse_both(added: Records, old: Records, drop: Flags) -> None:
    """Raise DataError if an update gives a record and removes it."""
    going = {key for key, gone in zip(old.ids(), drop.tolist(), strict=True) if gone}
    both = [key for key in added.ids() if key in going]
    if both:
        hint = "leave them out of records or of gone"
        raise DataError("records both given and gone", column="record_id", rows=both, hint=hint)
