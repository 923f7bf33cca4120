"""How dates and amounts of a table are written, as far as the values do not say it."""

from typing import Annotated, Literal

from pydantic import Field

from omniltv._config import Written

__all__ = ["DateOrder", "Formats"]

type DateOrder = Literal[
    "dmy", "mdy", "ymd", "excel", "excel_1904", "seconds", "milliseconds", "microseconds"
]
"""The order of day, month and year, or what a number counts."""


class Formats(Written):
    """How dates and amounts are written, if the values of a column leave it open.

    Values that have one meaning are read without it: ``2025/1/5``, ``令和7年1月5日``,
    ``5 Jan 2025``, ``¥1,200``, ``1.200,50``. Options decide the others. They never change a
    value that has another meaning; such a row is rejected.

    Attributes:
        dates: Order of day, month and year in dates such as ``01/02/2025`` or ``01-02-03``;
            or what numbers count: days in Excel (``"excel"``, on old Macs ``"excel_1904"``),
            or seconds, milliseconds or microseconds since 1970 in UTC. Without it, the order
            is found if the column allows one only, and numbers are read if they are Excel's
            days between 1990 and 2100 or written as ``20250105``.
        decimal: Decimal mark of amounts such as ``1.200`` or ``12,50``. Without it, the mark
            is found in the column.
        currency: Currency of all amounts, a code of ISO 4217. Amounts with the mark of
            another currency are rejected. Without it, the most frequent one is taken.

    Examples:
        >>> from omniltv.data import check
        >>> import pandas as pd
        >>> table = pd.DataFrame({"customer_id": ["a", "b"], "time": ["01/02/25", "03/04/25"],
        ...                       "value": ["1.200", "900"]})
        >>> valid = check(table, "purchases", formats=Formats(dates="dmy", decimal=",")).valid
        >>> valid["time"].dt.month.tolist(), valid["value"].tolist()
        ([2, 4], [1200.0, 900.0])
        >>> print(Formats(dates="dmy", currency="EUR").to_yaml(), end="")
        dates: dmy
        currency: EUR
    """

    dates: DateOrder | None = None
    decimal: Literal[".", ","] | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
