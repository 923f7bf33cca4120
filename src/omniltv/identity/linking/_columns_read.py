"""Which columns comparisons and blockers read: columns of one's own, and columns read twice."""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from omniltv.data.schemas import NORMAL_COLUMNS
from omniltv.identity.linking.comparisons import SharedUseComparison
from omniltv.identity.linking.protocols import Blocker, Comparison, NormalisingComparison
from omniltv.identity.records.masking import origin_of
from omniltv.identity.records.own_columns import OwnColumn

__all__ = ["dependent", "own_columns"]


@runtime_checkable
class _Reading(Protocol):
    """A comparison, or a blocker that says which columns it reads."""

    @property
    def columns(self) -> tuple[str, ...]: ...


def own_columns(
    comparisons: Sequence[Comparison],
    blockers: Sequence[Blocker],
    *,
    listed: Sequence[OwnColumn] = (),
) -> tuple[OwnColumn, ...]:
    """Return the columns that are not known fields: listed, or read by a comparison or blocker.

    A column is normalised as it is listed, else by the first comparison that normalises it,
    else as text.
    """
    found = {column.name: column for column in listed}
    parts: tuple[Comparison | Blocker, ...] = (*comparisons, *blockers)
    for part in parts:
        for name in _unknown(part):
            found.setdefault(name, _column(name, part))
    return tuple(found.values())


def dependent(comparisons: Sequence[Comparison]) -> Iterator[tuple[str, str]]:
    """Yield for each comparison an earlier one of the same values, by name.

    Two comparisons are dependent if the first column that they read is the same, or if one
    reads only columns of the other. A column that is made of another one counts as that one.
    Comparisons by other records are left out.
    """
    own = [c for c in comparisons if not isinstance(c, SharedUseComparison)]
    read = [(c.name, [origin_of(name) for name in c.columns]) for c in own]
    for k, (name, columns) in enumerate(read):
        for other, others in read[:k]:
            contained = {*columns} < {*others} or {*others} < {*columns}
            if columns[0] == others[0] or contained:
                yield other, name
                break


def _column(name: str, reader: Comparison | Blocker) -> OwnColumn:
    if isinstance(reader, NormalisingComparison):
        return OwnColumn(name, reader.normalise)
    return OwnColumn(name)


def _unknown(part: Comparison | Blocker) -> Iterator[str]:
    """Yield the columns that a comparison or blocker reads and that are not known ones."""
    read = part.columns if isinstance(part, _Reading) else ()
    yield from (name for name in read if name not in NORMAL_COLUMNS)
