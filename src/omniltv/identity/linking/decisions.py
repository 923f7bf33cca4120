"""Manual decisions: two records are, or are not, one person, whatever the evidence.

Decisions are rows of a table that is passed to `stitch` in every run. A decision counts as
`DECIDED` bits of evidence, far more than any pair of records has. It therefore takes effect
before clustering, and `Resolution.why` shows it. If two records are decided to be two people,
the first of them leaves the customer, and records that fit both stay with the second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from omniltv._arrays import Codes
from omniltv._columns import require
from omniltv._frames import Eager, read_frame
from omniltv.errors import DataError
from omniltv.identity.linking._graph import components
from omniltv.identity.linking.values import DECIDED, Candidates, ScoredPairs
from omniltv.identity.records import normalise
from omniltv.identity.records.columns import MISSING, RecordKey, Records

__all__ = [
    "DECISION_COLUMNS",
    "Decisions",
    "decide",
    "decisions_about",
    "pairs_of",
    "read_decisions",
    "read_pairs",
    "separated",
]


DECISION_COLUMNS = ("source_a", "record_id_a", "source_b", "record_id_b", "same")
"""The columns of a table of decisions: two records, and whether they are one person."""

_ENDS = DECISION_COLUMNS[:4]
_RULE = "decision"


@dataclass(frozen=True, eq=False)
class Decisions:
    """Decisions about known records, each pair once.

    Attributes:
        left: Positions of the left records, shape (n_decisions,); below ``right``.
        right: Positions of the right records.
        same: Whether they are one person.
        leaving: Positions of the records named first in decisions that separate two records.
        unused: Rows of the table that could not be used, with the reason, as columns.

    Examples:
        >>> records = Records(np.array(["ec", "ec"]), np.array(["1", "2"]), {})
        >>> row = ("ec", "1", "ec", "9", True)
        >>> columns = {name: [value] for name, value in zip(DECISION_COLUMNS, row, strict=True)}
        >>> decisions = decisions_about(columns, records)
        >>> len(decisions), decisions.unused["reason"]
        (0, ['no such record'])
    """

    left: Codes
    right: Codes
    same: NDArray[np.bool_]
    leaving: Codes
    unused: Mapping[str, Sequence[str]]

    def __len__(self) -> int:
        return len(self.left)


def read_decisions(frame: IntoFrame | None) -> dict[str, list[object]]:
    """Return a table of decisions as columns.

    Args:
        frame: Columns `DECISION_COLUMNS`; ``same`` is true or false.

    Raises:
        DataError: If a column is missing, or ``same`` is not true or false.

    Examples:
        >>> import pandas as pd
        >>> rows = [("ec", 1, "store", 7, True)]
        >>> read_decisions(pd.DataFrame(rows, columns=DECISION_COLUMNS))["record_id_b"]
        ['7']
    """
    if frame is None:
        return {name: [] for name in DECISION_COLUMNS}
    table, _ = read_frame(frame, "decisions")
    hint = f"decisions need the columns {', '.join(DECISION_COLUMNS)}"
    require(table.columns, DECISION_COLUMNS, "decisions", hint)
    return {**read_pairs(table), "same": list(_truth(table["same"].to_list()))}


def read_pairs(table: Eager) -> dict[str, list[object]]:
    """Return the two records of each row of a table of decisions, as columns.

    Raises:
        DataError: If a column is missing.

    Examples:
        >>> import pandas as pd
        >>> row = {"source_a": ["ec"], "record_id_a": [1], "source_b": ["pos"], "record_id_b": [2]}
        >>> read_pairs(read_frame(pd.DataFrame(row), "decisions")[0])["record_id_a"]
        ['1']
    """
    require(table.columns, _ENDS, "decisions", f"decisions need the columns {', '.join(_ENDS)}")
    return {name: [normalise.key(value) for value in table[name].to_list()] for name in _ENDS}


def separated(columns: Mapping[str, Sequence[object]]) -> frozenset[RecordKey]:
    """Return the records that decisions separate from another record.

    Args:
        columns: The result of `read_decisions`.

    Examples:
        >>> names = ("source_a", "record_id_a", "source_b", "record_id_b")
        >>> row = dict(zip(names, (["ec"], ["1"], ["pos"], ["2"]), strict=True))
        >>> sorted(separated(row | {"same": [False]}))
        [('ec', '1'), ('pos', '2')]
    """
    told = zip(pairs_of(columns), columns["same"], strict=True)
    return frozenset(key for pair, same in told if not same for key in pair)


def pairs_of(columns: Mapping[str, Sequence[object]]) -> list[tuple[RecordKey, RecordKey]]:
    """Return the two records of each decision.

    Args:
        columns: The result of `read_decisions` or `read_pairs`.

    Examples:
        >>> names = ("source_a", "record_id_a", "source_b", "record_id_b")
        >>> pairs_of(dict(zip(names, (["ec"], ["1"], ["pos"], ["2"]), strict=True)))
        [(('ec', '1'), ('pos', '2'))]
    """
    rows = zip(*(columns[name] for name in _ENDS), strict=True)
    return [((str(a), str(b)), (str(c), str(d))) for a, b, c, d in rows]


def decisions_about(columns: Mapping[str, Sequence[object]], records: Records) -> Decisions:
    """Return the decisions about known records, and the other decisions with the reason.

    Args:
        columns: The result of `read_decisions`.
        records: The known records.

    Raises:
        DataError: If decisions contradict each other.

    Examples:
        >>> records = Records(np.array(["ec", "ec"]), np.array(["1", "2"]), {})
        >>> row = ("ec", "2", "ec", "1", True)
        >>> columns = {name: [value] for name, value in zip(DECISION_COLUMNS, row, strict=True)}
        >>> decisions = decisions_about(columns, records)
        >>> decisions.left.tolist(), decisions.right.tolist(), decisions.same.tolist()
        ([0], [1], [True])
    """
    pairs = pairs_of(columns)
    position = records.position if pairs else {}
    reasons = [_unusable(*pair, position) for pair in pairs]
    ends = [
        (position[first], position[second])
        for (first, second), reason in zip(pairs, reasons, strict=True)
        if not reason
    ]
    usable = np.array([not reason for reason in reasons], dtype=np.bool_)
    same = np.array(columns["same"], dtype=np.bool_)[usable]
    given = np.array(ends, dtype=np.int64).reshape(-1, 2)
    left, right = np.sort(given, axis=1).T
    _check_agreement(left, right, same, records)
    decided, first = np.unique(np.stack([left, right]), axis=1, return_index=True)
    unused = [(*a, *b, reason) for (a, b), reason in zip(pairs, reasons, strict=True) if reason]
    told = {name: [row[k] for row in unused] for k, name in enumerate((*_ENDS, "reason"))}
    return Decisions(decided[0], decided[1], same[first], np.unique(given[~same, 0]), told)


def decide(pairs: ScoredPairs, decisions: Decisions, n_records: int) -> ScoredPairs:
    """Return the pairs with the decisions added, as evidence that nothing outweighs.

    Examples:
        >>> from omniltv.data import simulate_retailer
        >>> from omniltv.identity import stitch
        >>> pairs = stitch(simulate_retailer(50, seed=1).records).compared
        >>> first = pairs.candidates.left[:1], pairs.candidates.right[:1]
        >>> apart = Decisions(*first, np.array([False]), first[0], {})
        >>> float(decide(pairs, apart, 10_000).probability[0])
        0.0
    """
    if not len(decisions):
        return pairs
    found = pairs.candidates
    size = max(1, n_records)
    old, decided = found.left * size + found.right, decisions.left * size + decisions.right
    every = np.union1d(old, decided)
    before, here = np.searchsorted(every, old), np.searchsorted(every, decided)
    bits = {name: _spread(values, before, len(every), 0.0) for name, values in pairs.bits.items()}
    bits[_RULE] = np.zeros(len(every))
    bits[_RULE][here] = np.where(decisions.same, DECIDED, -DECIDED)
    probability = _spread(pairs.probability, before, len(every), 0.0)
    probability[here] = decisions.same
    proposed = np.zeros((len(every), len(found.rules) + 1), dtype=np.bool_)
    proposed[before, :-1] = found.proposed
    proposed[here, -1] = True
    left, right = np.divmod(every, size)
    rules = (*found.rules, _RULE)
    return ScoredPairs(
        candidates=Candidates(left, right, rules, proposed, found.oversized),
        probability=probability,
        bits=bits,
        grades={
            name: _spread(values, before, len(every), MISSING)
            for name, values in pairs.grades.items()
        },
        levels=pairs.levels,
        model=pairs.model,
        leaving=decisions.leaving,
    )


def _spread[T: np.generic](
    values: NDArray[T], place: NDArray[np.intp], n: int, otherwise: float
) -> NDArray[T]:
    """Return an array of n entries with values at some places, and a constant elsewhere."""
    result = np.full(n, otherwise, dtype=values.dtype)
    result[place] = values
    return result


def _truth(values: Sequence[object]) -> list[bool]:
    strange = [row for row, v in enumerate(values) if not isinstance(v, bool | np.bool_)]
    if strange:
        hint = "True for one person, False for two"
        raise DataError("not true or false", column="same", rows=strange, hint=hint)
    return [bool(value) for value in values]


def _unusable(first: RecordKey, second: RecordKey, position: Mapping[RecordKey, int]) -> str:
    if first == second:
        return "a record with itself"
    return "" if first in position and second in position else "no such record"


def _check_agreement(left: Codes, right: Codes, same: NDArray[np.bool_], records: Records) -> None:
    """Raise DataError if decisions together say that two records are and are not one person."""
    person = components(left[same], right[same], len(records))
    wrong = np.flatnonzero(~same & (person[left] == person[right]))
    if len(wrong):
        keys = records.ids()
        rows = [keys[end] for row in wrong for end in (left[row], right[row])]
        hint = "keep one of the contradicting decisions"
        problem = "contradicting decisions: two people by one, one person by others"
        raise DataError(problem, column="same", rows=list(dict.fromkeys(rows)), hint=hint)
