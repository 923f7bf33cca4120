"""One row per customer: for each field, the surviving value."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame, IntoFrameT
from numpy.typing import NDArray
from pydantic import Field

from omniltv._columns import require
from omniltv._config import Config
from omniltv._frames import Eager, read_frame
from omniltv._options import checked
from omniltv.data.report import Tolerance
from omniltv.data.schemas import FIELDS
from omniltv.errors import ConfigError, DataError
from omniltv.identity.customers.attachment import attached, customers_of, keys_of
from omniltv.identity.records import normalise
from omniltv.identity.records.columns import MISSING
from omniltv.identity.records.intake import normal_values
from omniltv.identity.records.normalise import Spelling

__all__ = ["ProfileRules", "Survivor", "profiles"]

type Survivor = Literal["newest", "trusted", "complete", "frequent"]
"""Which value survives: the newest, of the most trusted source, the longest, the most frequent."""

type _Ranks = NDArray[np.float64]


class ProfileRules(Config):
    """Rules for the record of a customer that each field is taken from.

    Ties are broken by the other rules in the order trusted, newest, frequent, complete, and
    finally by the key of the record. Missing values and placeholders survive only if there
    is no other value.

    Attributes:
        otherwise: The rule for fields that are not in ``fields``.
        fields: The rule by field.
        trusted: Sources, the most trusted first; other sources come last.
        updated: The column with the time at which a row was written, if there is one.
        spelling: How telephone numbers and e-mail addresses are read, as in `LinkSpec`.

    Examples:
        >>> rules = ProfileRules(fields={"email": "newest"}, updated="updated_at")
        >>> rules.otherwise
        'frequent'
    """

    otherwise: Survivor = "frequent"
    fields: Mapping[str, Survivor] = Field(default_factory=dict)
    trusted: tuple[str, ...] = ()
    updated: Annotated[str, Field(min_length=1)] | None = None
    spelling: Spelling = Spelling()


@checked
def profiles(
    crosswalk: IntoFrame,
    records: IntoFrameT,
    *,
    rules: ProfileRules | None = None,
    tolerance: Tolerance | None = None,
) -> IntoFrameT:
    """Return one row per customer: the surviving value of each personal field, as written.

    Args:
        crosswalk: ``source``, ``record_id``, ``customer_id``.
        records: The customer lists as `omniltv.identity.stitch` takes them.
        rules: Which value survives.
        tolerance: How many records may lack a customer before there is a warning or an error;
            ``Tolerance()`` if None.

    Returns:
        ``customer_id``, ``n_records``, ``sources`` (joined by commas), each personal field
        of the lists, and ``<field>_from`` (``source/record_id`` of the record it comes from).
        Ordered by customer id; records that are not in the crosswalk are left out.

    Raises:
        IntakeError: If more records lack a customer than ``tolerance`` allows.
        DataError: If a column is missing, the crosswalk has missing values or two rows for
            one record, or ``rules`` name a column that is missing.
        ConfigError: If a rule is "newest" and ``rules.updated`` is None.

    Examples:
        >>> import pandas as pd
        >>> keys = {"source": ["ec", "store"], "record_id": ["E1", "S1"]}
        >>> crosswalk = pd.DataFrame(keys | {"customer_id": ["ann", "ann"]})
        >>> lists = pd.DataFrame(keys | {"phone": ["090-1234-5678", "0000000000"]})
        >>> row = profiles(crosswalk, lists, rules=ProfileRules(trusted=("store",)))
        >>> row[["phone", "phone_from"]].values.tolist()
        [['090-1234-5678', 'ec/E1']]
    """
    rules = rules or ProfileRules()
    found = attached(records, customers_of(crosswalk, "crosswalk"), "records")
    found.report.judge(tolerance)
    table, kind = read_frame(found.valid, "records")
    fields = [name for name in FIELDS if name in table.columns]
    _check(table, rules, fields)
    names = np.array(table["customer_id"].to_list(), dtype=object)
    ids, customer = np.unique(names, return_inverse=True)
    order = _Order(
        customer=customer.astype(np.int64),
        n_customers=len(ids),
        keys=keys_of(table, "records"),
        newest=_newest(table, rules.updated),
        rules=rules,
    )
    columns: dict[str, Sequence[object]] = {
        "customer_id": ids.tolist(),
        "n_records": np.bincount(customer, minlength=len(ids)).tolist(),
        "sources": order.sources(),
    }
    for name in fields:
        raw = [normalise.written(value) for value in table[name].to_list()]
        taken = order.survivors(name, raw, rules.fields.get(name, rules.otherwise))
        columns[name] = [raw[row] if row >= 0 else None for row in taken]
        columns[f"{name}_from"] = ["/".join(order.keys[row]) if row >= 0 else None for row in taken]
    return kind.build(columns, {"n_records": nw.Int64})


@dataclass(frozen=True, eq=False, repr=False)
class _Order:
    """The rows of customers, and their rank by each rule.

    Attributes:
        customer: Position of each row's customer, of shape (n_rows,).
        n_customers: Number of customers.
        keys: (source, record_id) of each row.
        newest: Rank of each row by time, of shape (n_rows,); the latest has the highest rank.
        rules: Which sources are trusted, and how values are read.
    """

    customer: NDArray[np.int64]
    n_customers: int
    keys: Sequence[tuple[str, str]]
    newest: _Ranks
    rules: ProfileRules

    def sources(self) -> list[str]:
        """Return the sources with a record of each customer."""
        found: list[set[str]] = [set() for _ in range(self.n_customers)]
        for customer, key in zip(self.customer.tolist(), self.keys, strict=True):
            found[customer].add(key[0])
        return [", ".join(sorted(names)) for names in found]

    def survivors(self, name: str, raw: Sequence[str], rule: Survivor) -> list[int]:
        """Return the row that a field is taken from, by customer; `MISSING` if there is none."""
        normal = normal_values(name, raw, self.rules.spelling).tolist()
        rank = {source: place for place, source in enumerate(self.rules.trusted)}
        by: dict[Survivor, _Ranks] = {
            "trusted": np.array([-rank.get(key[0], len(rank)) for key in self.keys], dtype=float),
            "newest": self.newest,
            "frequent": self._frequency(normal),
            "complete": np.array([len(value) for value in raw], dtype=float),
        }
        first = by.pop(rule)
        says = np.array([value is not None for value in normal], dtype=float)
        place = np.array(sorted(range(len(self.keys)), key=self.keys.__getitem__), dtype=np.int64)
        by_key = np.empty(len(place))
        by_key[place] = np.arange(len(place))
        best = np.lexsort((by_key, *(-other for other in [*by.values()][::-1]), -first, -says))
        best = best[says[best] > 0]
        result = np.full(self.n_customers, MISSING, dtype=np.int64)
        result[self.customer[best[::-1]]] = best[::-1]  # the last written is the best
        chosen: list[int] = result.tolist()
        return chosen

    def _frequency(self, normal: Sequence[str | None]) -> _Ranks:
        """Return how many rows of the same customer have the same value."""
        pairs = list(zip(self.customer.tolist(), normal, strict=True))
        count = Counter(pairs)
        return np.array([count[pair] for pair in pairs], dtype=float)


def _newest(table: Eager, updated: str | None) -> _Ranks:
    """Return the rank of each row by time; rows without a time come first."""
    if updated is None:
        return np.zeros(len(table))
    times = pd.to_datetime(pd.Series(table[updated].to_list()), errors="coerce", utc=True)
    return np.asarray(times.rank(method="dense").fillna(0.0), dtype=float)


def _check(table: Eager, rules: ProfileRules, fields: Sequence[str]) -> None:
    for name in rules.fields:
        if name not in fields:
            have = ", ".join(fields) or "none"
            hint = f"the personal columns are: {have}"
            raise DataError("a rule names a column that is missing", column=name, hint=hint)
    if rules.updated is not None:
        hint = "rules.updated is the column with the time at which a row was written"
        require(table.columns, [rules.updated], "records", hint)
    if rules.updated is None and "newest" in {rules.otherwise, *rules.fields.values()}:
        hint = "ProfileRules(updated='updated_at')"
        raise ConfigError(f"the rule 'newest' needs the time of each row. Hint: {hint}")
