"""Activities and customers of a programme, read from frames of any kind."""

from typing import Any

import numpy as np
import pandas as pd

from omniltv._columns import require
from omniltv._frames import Eager, IntoTable, collect
from omniltv.errors import DataError
from omniltv.segmentation.loyalty._events import MISSING, local, moments, texts

__all__ = ["read_activities", "read_customers"]

_WHAT = "the table of activities"


def read_activities(table: Eager, zone: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return activities once each, and the rows that cannot be used, with the reason.

    Raises:
        DataError: If a column is absent, or rows with one id differ.
    """
    require(table.columns, ["activity_id", "customer_id", "time", "kind"], _WHAT)
    rows = _pandas(table)
    micros = moments(table, "time", zone)
    rows["activity_id"] = texts(table, "activity_id")
    rows["customer_id"] = texts(table, "customer_id")
    rows["time"] = local(micros, zone)
    rows["kind"] = texts(table, "kind")
    rows["reference"] = texts(table, "reference") if "reference" in rows else None
    for name in ("value", "points"):
        rows[name] = _numbers(rows, name)
    reasons = np.full(len(rows), "", dtype=object)
    reasons[rows["kind"].isna().to_numpy()] = "missing kind"
    reasons[micros == MISSING] = "not a time"
    for name in ("customer_id", "activity_id"):
        reasons[rows[name].isna().to_numpy()] = f"missing {name}"
    good = reasons == ""
    aside = pd.DataFrame({"activity_id": rows["activity_id"][~good], "reason": reasons[~good]})
    return _once(rows[good]), aside


def read_customers(
    customers: IntoTable | None, ids: "pd.Series[Any]", needs: list[str], zone: str
) -> pd.DataFrame:
    """Return one row per customer, with the columns that rules on occasions need.

    Raises:
        DataError: If a column is absent, or a customer has two rows.
    """
    if customers is None:
        found = pd.DataFrame({"customer_id": pd.unique(np.asarray(ids, dtype=object))})
        require(list(found.columns), needs, "the table of customers")
        return found
    table = collect(customers, "the table of customers")
    require(table.columns, ["customer_id", *needs], "the table of customers")
    rows = _pandas(table)
    rows["customer_id"] = texts(table, "customer_id")
    for name in needs:
        rows[name] = local(moments(table, name, zone), zone)
    twice = rows["customer_id"].duplicated()
    if twice.any():
        bad = rows["customer_id"][twice].tolist()
        hint = "one row per customer"
        raise DataError("a customer has two rows", column="customer_id", rows=bad, hint=hint)
    return rows


def _pandas(table: Eager) -> pd.DataFrame:
    return table.to_pandas().reset_index(drop=True).copy()


def _numbers(rows: pd.DataFrame, name: str) -> Any:  # noqa: ANN401 - a column
    if name not in rows:
        return np.nan
    found = pd.to_numeric(rows[name], errors="coerce").astype(np.float64)
    bad = np.flatnonzero(found.isna() & rows[name].notna())
    if len(bad):
        raise DataError("values that are no numbers", column=name, rows=bad.tolist())
    return found


def _once(rows: pd.DataFrame) -> pd.DataFrame:
    """Return every activity once."""
    unique = rows.drop_duplicates()
    twice = unique["activity_id"].duplicated()
    if twice.any():
        bad = list(dict.fromkeys(unique["activity_id"][twice]))
        hint = "give a changed activity an id of its own"
        raise DataError("several contents for one id", column="activity_id", rows=bad, hint=hint)
    return unique.reset_index(drop=True)
