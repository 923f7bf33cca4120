"""From the headers of an export to the columns of our tables."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, time
from typing import Annotated, Any, Self, cast

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame, IntoFrameT
from pydantic import Field, model_validator

from omniltv._columns import missing_column
from omniltv._config import Written, validate
from omniltv._frames import Eager, FrameKind, read_frame
from omniltv._options import checked
from omniltv.data._aliases import CLOCKS, PARTS, aliases_of, plain_header, plain_headers
from omniltv.data._names import split_names
from omniltv.data.schemas import TableName, schema_of
from omniltv.data.text import written
from omniltv.errors import DataError

__all__ = ["ColumnMap"]

type Headers = str | tuple[str, ...]

_FULL_NAMES = {
    "full_name": ("family_name", "given_name"),
    "full_name_kana": ("family_name_kana", "given_name_kana"),
}
_FACTORS = frozenset({"quantity", "unit_price"})
_PSEUDO = frozenset({*_FULL_NAMES, "refund"})
_RETURNED = frozenset(
    [
        "1",
        "true",
        "yes",
        "y",
        "t",
        "x",
        "○",
        "有",
        "あり",
        "返品",
        "返金",
        "return",
        "returned",
        "refund",
        "refunded",
    ]
)
_NEGATIVE = ("-", "−", "▲", "△", "(", "（")  # noqa: RUF001 - signs of a negative amount


@checked
class ColumnMap(Written):
    """Which headers of an export are which columns of a table.

    Besides the columns of the table (see `check`), ``columns`` may have ``full_name`` and
    ``full_name_kana``, which are split into family and given name, and ``refund``, a column
    that marks rows whose value is to be subtracted. Without a ``value``, ``quantity`` and
    ``unit_price`` are kept, and `check` multiplies them.

    Attributes:
        table: The table.
        columns: The header of each column, or several headers whose values are joined: a date
            and a time of day, the parts of an address.
        constants: Value of columns that the export does not have, the same for all rows.

    Examples:
        >>> import pandas as pd
        >>> export = pd.DataFrame({"会員番号": ["007"], "購入日": ["2025/1/5"], "時刻": ["9:05"],
        ...                        "金額": ["1,200"], "レジ": ["2"]})
        >>> found = ColumnMap.recognise(export, "purchases", constants={"channel": "store"})
        >>> print(found.to_yaml(), end="")
        table: purchases
        columns:
          customer_id: 会員番号
          time:
          - 購入日
          - 時刻
          value: 金額
        constants:
          channel: store
        >>> found.unknown(export)
        ('レジ',)
        >>> found.apply(export).iloc[0].to_dict()
        {'customer_id': '007', 'time': '2025/1/5 9:05', 'value': '1,200', 'channel': 'store',
        'レジ': '2'}
    """

    table: TableName
    columns: Annotated[Mapping[str, Headers], Field(min_length=1)]
    constants: Mapping[str, str] = Field(default_factory=dict)

    @classmethod
    def recognise(
        cls,
        frame: IntoFrame,
        table: TableName = "transactions",
        *,
        columns: Mapping[str, str | Sequence[str]] | None = None,
        constants: Mapping[str, str] | None = None,
    ) -> "ColumnMap":
        """Return the map of an export whose headers have names that are known.

        Args:
            frame: The export; only its headers are used.
            table: The table that it is to become.
            columns: Headers that are not known, or that would be ambiguous, by column.
            constants: Value of columns that the export does not have.

        Raises:
            DataError: If two headers could be the same column, a header that was given does
                not exist, or no header is known.
            ConfigError: If a column or table is unknown.

        Examples:
            >>> import pandas as pd
            >>> orders = pd.DataFrame(columns=["Name", "Email", "Created at", "Total", "Subtotal"])
            >>> ColumnMap.recognise(orders, "purchases", columns={"customer_id": "Email"}).columns
            {'customer_id': 'Email', 'transaction_id': 'Name', 'time': 'Created at',
            'value': 'Total'}
        """
        schema_of(table)
        headers = read_frame(frame, table)[0].columns
        given = {
            name: mine if isinstance(mine, str) else tuple(mine)
            for name, mine in (columns or {}).items()
        }
        fixed = {*given, *(constants or {})}
        left = [header for header in headers if header not in _flat(given.values())]
        found = {**given, **_recognised(left, table, fixed)}
        if not found:
            hint = 'columns={"customer_id": "..."}'
            problem = f"no header is known; the table has: {', '.join(headers) or 'none'}"
            raise DataError(problem, hint=hint)
        fields = {"table": table, "columns": found, "constants": dict(constants or {})}
        known = validate(cls, fields)
        known.require(headers)
        return known

    @model_validator(mode="after")
    def _known(self) -> Self:
        allowed = {*aliases_of(self.table), *(c.name for c in schema_of(self.table).columns)}
        strange = [name for name in (*self.columns, *self.constants) if name not in allowed]
        if strange:
            names = ", ".join(sorted(allowed))
            raise ValueError(f"{self.table} has no column {strange[0]!r}. Hint: one of {names}")
        if len(alone := _FACTORS & {*self.columns, *self.constants}) == 1:
            other = ", ".join(_FACTORS - alone)
            raise ValueError(f"{', '.join(alone)} is without {other}. Hint: name both, or value")
        return self

    def require(self, headers: Sequence[str]) -> None:
        """Raise DataError if a header of the map does not exist."""
        for name, mine in self.columns.items():
            for header in _headers(mine):
                if header not in headers:
                    hint = f'columns={{"{name}": "..."}} names another header'
                    raise missing_column(header, headers, self.table, hint)

    def unknown(self, frame: IntoFrame) -> tuple[str, ...]:
        """Return the headers of an export that are not in the map.

        Examples:
            >>> import pandas as pd
            >>> known = ColumnMap(table="records", columns={"record_id": "No"})
            >>> known.unknown(pd.DataFrame(columns=["No", "Memo"]))
            ('Memo',)
        """
        used = _flat(self.columns.values())
        return tuple(name for name in read_frame(frame, self.table)[0].columns if name not in used)

    def apply(self, frame: IntoFrameT) -> IntoFrameT:
        """Return an export with our columns first, and its other columns as they are.

        Args:
            frame: The export, as any frame.

        Raises:
            DataError: If a header of the map does not exist, or an unknown header has the name
                of one of our columns.

        Examples:
            >>> import pandas as pd
            >>> known = ColumnMap(table="records", columns={"record_id": "No", "full_name": "氏名"},
            ...                   constants={"source": "pos"})
            >>> known.apply(pd.DataFrame({"No": ["01"], "氏名": ["山田 花子"]})).values.tolist()
            [['01', '山田', '花子', 'pos']]
        """
        rows, kind = read_frame(frame, self.table)
        self.require(rows.columns)
        rest = self.unknown(frame)
        whole = {name: mine for name, mine in self.columns.items() if isinstance(mine, str)}
        made = self._made(rows)
        renamed = [nw.col(header).alias(name) for name, header in whole.items() if name not in made]
        ours = [name for name in (*self.columns, *made) if name not in _PSEUDO]
        clash = [name for name in rest if name in ours]
        if clash:
            hint = "rename or drop it, or put it into the map"
            raise DataError("a header that is not in the map", column=clash[0], hint=hint)
        table = rows.select(*renamed, *rest)
        for name, values in made.items():
            table = _with_text(table, name, values)
        return kind.native(table.select(*dict.fromkeys(ours), *rest))

    def _made(self, rows: Eager) -> dict[str, list[str | None]]:
        """Return the columns that are not a header as it is, as text."""
        made: dict[str, list[str | None]] = {}
        for name, mine in self.columns.items():
            if name in _FULL_NAMES:
                parts = split_names(_joined(rows, _headers(mine), " "))
                made |= dict(zip(_FULL_NAMES[name], parts, strict=True))
            elif not isinstance(mine, str):
                made[name] = _joined(rows, mine, PARTS[name][1] if name in PARTS else " ")
        made |= {name: [value] * len(rows) for name, value in self.constants.items()}
        amount = next((name for name in ("value", "quantity") if name in self.columns), None)
        if "refund" in self.columns and amount:
            value = made.get(amount) or _joined(rows, _headers(self.columns[amount]), "")
            marks = _joined(rows, _headers(self.columns["refund"]), "")
            made[amount] = [*map(_subtracted, value, marks)]
        return made


def _joined(rows: Eager, headers: Sequence[str], by: str) -> list[str | None]:
    """Return the values of some headers as one text per row, None if all are missing."""
    columns = [map(_written, rows[header].to_list()) for header in headers]
    return [by.join(filter(None, parts)) or None for parts in zip(*columns, strict=True)]


def _written(value: object) -> str:
    """Return a value as text; the time of a day without a time, and the day of a time, left out."""
    if isinstance(value, datetime) and value.time() == time.min:
        return value.date().isoformat()
    return "" if pd.isna(cast("Any", value)) else written(value)


def _subtracted(value: str | None, mark: str | None) -> str | None:
    """Return an amount with a minus if its row is marked as a refund."""
    returned = mark is not None and mark.strip().lower() in _RETURNED
    if value is None or not returned or value.strip().startswith(_NEGATIVE):
        return value
    return f"-{value.strip()}"


def _with_text(table: Eager, name: str, values: Sequence[str | None]) -> Eager:
    texts = np.empty(len(values), dtype=object)
    texts[:] = values
    everything = np.ones(len(values), dtype=bool)
    kind: FrameKind[Any] = FrameKind(table.implementation)
    return read_frame(kind.extend(table, name, texts, everything), "a table")[0]


def _headers(mine: str | Sequence[str]) -> tuple[str, ...]:
    return (mine,) if isinstance(mine, str) else tuple(mine)


def _flat(columns: Iterable[str | Sequence[str]]) -> set[str]:
    return {header for mine in columns for header in _headers(mine)}


def _recognised(
    headers: Sequence[str], table: TableName, fixed: Collection[str]
) -> dict[str, Headers]:
    """Return the headers that are known, by column."""
    plain = {header: plain_header(header) for header in headers}
    found: dict[str, Headers] = {}
    for name, ranks in aliases_of(table).items():
        free = [header for header in headers if header not in _flat(found.values())]
        settled = _settled(name, {*found, *fixed}, fixed)
        header = None if settled else _best(name, free, plain, ranks)
        if header is not None:
            found[name] = header
    _settle_value(found, fixed)
    if isinstance(day := found.get("time"), str):
        found["time"] = _with_clock(day, plain)
    for name in [name for name in PARTS if name in aliases_of(table)]:
        parts = [] if name in found or name in fixed else _parts(name, plain)
        if parts:
            found[name] = parts[0] if len(parts) == 1 else tuple(parts)
    for name in [name for name in _FULL_NAMES if {*_FULL_NAMES[name]} & {*found, *fixed}]:
        found.pop(name, None)
    return found


def _settled(name: str, known: Collection[str], fixed: Collection[str]) -> bool:
    """Return whether no header is sought for a column: it is given, or no value is to be found."""
    other = "value" in known if name in _FACTORS else name == "value" and _FACTORS & {*fixed}
    return name in fixed or bool(other)


def _settle_value(found: dict[str, Headers], fixed: Collection[str]) -> None:
    """Keep quantity and unit price only if both are known; a price alone is the value."""
    if {*found, *fixed} >= _FACTORS:
        return
    found.pop("quantity", None)
    price = found.pop("unit_price", None)
    if price is not None and "value" not in {*found, *fixed}:
        found["value"] = price


def _best(
    name: str,
    headers: Sequence[str],
    plain: Mapping[str, str],
    ranks: Iterable[frozenset[str]],
) -> str | None:
    """Return the header of a column: our name, else the only one of the best rank.

    Raises:
        DataError: If there are several.
    """
    if name in headers:
        return name
    fitting = ([header for header in headers if plain[header] in rank] for rank in ranks)
    best = next(filter(None, fitting), [])
    if len(best) > 1:
        hint = f'columns={{"{name}": "{best[0]}"}}'
        problem = f"could be any of the headers {', '.join(map(repr, best))}"
        raise DataError(problem, column=name, hint=hint)
    return best[0] if best else None


def _with_clock(day: str, plain: Mapping[str, str]) -> Headers:
    """Return the header of a day with that of a time of day, if there is one."""
    clocks = [header for header in plain if plain[header] in plain_headers(CLOCKS)]
    days = aliases_of("purchases")["time"][1]
    return (day, clocks[0]) if plain[day] in days and len(clocks) == 1 else day


def _parts(name: str, plain: Mapping[str, str]) -> list[str]:
    """Return the headers of the parts of a column, in order."""
    ranks = [plain_headers(rank) for rank in PARTS[name][0]]
    return [header for rank in ranks for header in plain if plain[header] in rank]
