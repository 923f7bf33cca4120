"""Plans in files for CRM and MA tools: CSV, Parquet and JSON lines, with one schema."""

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from omniltv._columns import none_if_missing, require
from omniltv._files import replace_file
from omniltv._frames import FrameKind, IntoTable, collect
from omniltv._options import checked
from omniltv.errors import StoreError

__all__ = ["PLAN_COLUMNS", "plan_schema", "read_plan", "write_plan"]

PLAN_COLUMNS: Mapping[str, tuple[str, str]] = {
    "contact_key": ("text", "key of the contact: equal if a job runs twice; refuse a second one"),
    "day": ("text", "day of the plan, ISO 8601"),
    "at": ("text", "when to contact, ISO 8601, in the time zone of the person"),
    "channel": ("text", "channel of the contact"),
    "owner": ("text", "who makes the contact"),
    "customer_id": ("id", "whom"),
    "tier": ("text", "tier of the customer"),
    "place": ("text or missing", "place whose resources are used, such as the store"),
    "treatment": ("text", "what, by the name in the playbook"),
    "content": ("text", "key of the content"),
    "form": ("text", "one_to_one or quasi_one_to_one"),
    "cause": ("text", "why: the trigger, the step of the scenario, or the tier"),
    "scenario": ("text or missing", "the scenario"),
    "step": ("text or missing", "the step of the scenario"),
    "item": ("text or missing", "the article that can be delivered"),
    "way": ("text or missing", "how it is delivered"),
    "expected_gain": ("number", "expected effect, in value"),
    "gain_sd": ("number", "standard deviation of the expected effect"),
    "cost": ("number", "cost, in value"),
    "basis": ("text", "experiment if the effect was measured, prior if it is assumed"),
}
"""Type and meaning of the columns of a plan, in their order."""

_NUMBERS = tuple(name for name, (kind, _) in PLAN_COLUMNS.items() if kind == "number")
_SUFFIXES = (".csv", ".parquet", ".jsonl")
_WHAT = "the plan"
_NO_PYARROW = "Parquet needs PyArrow. Hint: pip install omniltv[store]"
_READ: FrameKind[pd.DataFrame] = FrameKind(
    nw.Implementation.PANDAS, whole=frozenset({"customer_id"})
)


@checked
def plan_schema() -> dict[str, object]:
    """Return the JSON Schema of one contact: a line of a file in JSON lines.

    Examples:
        >>> plan_schema()["required"][:3]
        ['contact_key', 'day', 'at']
    """
    types: Mapping[str, list[str]] = {
        "text": ["string"],
        "id": ["string", "integer"],
        "text or missing": ["string", "null"],
        "number": ["number"],
    }
    properties = {
        name: {"type": types[kind], "description": meaning}
        for name, (kind, meaning) in PLAN_COLUMNS.items()
    }
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {
        "$schema": dialect,
        "title": "Contact",
        "type": "object",
        "properties": properties,
        "required": list(PLAN_COLUMNS),
        "additionalProperties": False,
    }


@checked
def write_plan(contacts: IntoTable, path: Path) -> None:
    """Write the contacts of a plan atomically; the suffix of the path is the format.

    Args:
        contacts: The contacts, such as ``plan.contacts``.
        path: A path that ends in ``.csv``, ``.parquet`` (needs PyArrow) or ``.jsonl``.

    Raises:
        StoreError: If the format is not known, PyArrow is missing, or the file cannot be
            written; an existing file is then unchanged.
        DataError: If a column is absent.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> empty = pd.DataFrame({name: [] for name in PLAN_COLUMNS})
        >>> with TemporaryDirectory() as folder:
        ...     write_plan(empty, Path(folder, "plan.csv"))
        ...     len(read_plan(Path(folder, "plan.csv")))
        0
    """
    _check_suffix(path)
    table = collect(contacts, _WHAT)
    require(table.columns, list(PLAN_COLUMNS), _WHAT)
    rows = {name: [_plain(value) for value in table[name].to_list()] for name in PLAN_COLUMNS}
    try:
        replace_file(path, _encoded(rows, path))
    except OSError as error:
        problem = f"cannot write {path}: {error.strerror}"
        raise StoreError(f"{problem}. Hint: name a file in a folder that exists") from error
    except ImportError as error:
        raise StoreError(_NO_PYARROW) from error


@checked
def read_plan(path: Path) -> pd.DataFrame:
    """Return the contacts of a plan that was written by `write_plan`.

    From CSV, ids are read as whole numbers if all of them are, without leading zeros.

    Args:
        path: The file.

    Raises:
        StoreError: If the format is not known, PyArrow is missing, or the file cannot be read or
            is not a plan.

    Examples:
        >>> try:
        ...     read_plan(Path("absent.csv"))
        ... except StoreError as error:
        ...     print(error)
        cannot read absent.csv: No such file or directory. Hint: name a file of write_plan
    """
    _check_suffix(path)
    try:
        frame = _decoded(path)
    except OSError as error:
        problem = f"cannot read {path}: {error.strerror}"
        raise StoreError(f"{problem}. Hint: name a file of write_plan") from error
    except ImportError as error:
        raise StoreError(_NO_PYARROW) from error
    except ValueError as error:
        raise StoreError(f"{path} is not a plan. Hint: name a file of write_plan") from error
    if list(frame.columns) != list(PLAN_COLUMNS):
        raise StoreError(f"{path} has other columns than a plan. Hint: name a file of write_plan")
    if path.suffix != ".csv":
        return frame
    ids = _READ.build({"customer_id": frame["customer_id"].tolist()})
    return frame.assign(customer_id=ids["customer_id"].astype(object))


def _check_suffix(path: Path) -> None:
    """Raise StoreError if the format of a file is not known."""
    if path.suffix not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise StoreError(f"{path} has no known format. Hint: end the name in one of {known}")


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        value = value.item()
    return none_if_missing(value)


def _encoded(rows: Mapping[str, Sequence[object]], path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        ImportError: If PyArrow is missing.
    """
    if path.suffix == ".jsonl":
        lines = [
            dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)
        ]
        return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode()
    frame = pd.DataFrame(rows, dtype=object).astype(dict.fromkeys(_NUMBERS, np.float64))
    if path.suffix == ".csv":
        return frame.to_csv(index=False, lineterminator="\n").encode()
    target = BytesIO()
    frame.to_parquet(target, index=False)
    return target.getvalue()


def _decoded(path: Path) -> pd.DataFrame:
    """Return the table of a file.

    Raises:
        OSError: If it cannot be read; ValueError, if it has another format; or ImportError, if
            PyArrow is missing.
    """
    if path.suffix == ".jsonl":
        text = path.read_text("utf-8")
        lines = [json.loads(line) for line in text.split("\n") if line]
        if any(not isinstance(line, dict) or line.keys() != PLAN_COLUMNS.keys() for line in lines):
            raise ValueError("a line is no contact")
        return _typed(pd.DataFrame(lines, columns=list(PLAN_COLUMNS), dtype=object))
    if path.suffix == ".csv":
        texts: Any = {name: str for name in PLAN_COLUMNS if name not in _NUMBERS}
        return _typed(pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""]))
    return _typed(pd.read_parquet(path))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a plan with texts as objects, missing ones as None."""
    columns: dict[str, Any] = {}
    for name in frame.columns:
        if name in _NUMBERS:
            columns[str(name)] = frame[name].astype(np.float64)
        else:
            values = frame[name].astype(object)
            columns[str(name)] = values.where(values.notna(), None)
    return pd.DataFrame(columns)
