"""The state of scenarios: which step each customer got, and which are still to come."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from omniltv._columns import none_if_missing
from omniltv._files import replace_file
from omniltv._options import checked
from omniltv.errors import StoreError

__all__ = ["SENT", "SKIPPED", "STOPPED", "WAITING", "ScenarioState", "step_key"]

WAITING, SENT, SKIPPED, STOPPED = "waiting", "sent", "skipped", "stopped"
"""Status of a step."""

_COLUMNS = ("customer_id", "scenario", "entered", "step", "status", "on", "reason", "cause", "key")
_FORMAT = "omniltv scenario state"


@checked
@dataclass(frozen=True, eq=False)
class ScenarioState:
    """Steps of scenarios by customer and entry; the input of a night and its output.

    Attributes:
        rows: One row per step of an entry: ``customer_id``, ``scenario``, ``entered`` (the
            moment of the trigger), ``step``, ``status`` (``waiting``, ``sent``, ``skipped`` or
            ``stopped``), ``on`` (the day of the status), ``reason``, ``cause`` of the entry,
            and ``key``, the key of the contact.
        as_of: Day of the last run; None if there was none.

    Examples:
        >>> ScenarioState.empty()
        ScenarioState(before the first run: 0 entries)
    """

    rows: pd.DataFrame
    as_of: date | None = None

    def __repr__(self) -> str:
        when = "before the first run" if self.as_of is None else self.as_of.isoformat()
        entries = len(self.rows[["customer_id", "scenario", "entered"]].drop_duplicates())
        counts = self.rows["status"].value_counts()
        parts = [f"{counts[s]:,} {s}" for s in (WAITING, SENT, SKIPPED, STOPPED) if s in counts]
        detail = f"; steps: {', '.join(parts)}" if parts else ""
        return (
            f"ScenarioState({when}: {entries:,} {'entry' if entries == 1 else 'entries'}{detail})"
        )

    @classmethod
    def empty(cls) -> Self:
        """Return the state before the first run.

        Examples:
            >>> len(ScenarioState.empty().rows)
            0
        """
        columns: dict[str, Any] = {name: np.empty(0, dtype=object) for name in _COLUMNS}
        times = np.empty(0, dtype="datetime64[us]")
        return cls(pd.DataFrame(columns | {"entered": times, "on": times}))

    def with_rows(self, rows: pd.DataFrame, as_of: date) -> Self:
        """Return a state with other rows, after a day.

        Examples:
            >>> state = ScenarioState.empty()
            >>> state.with_rows(state.rows, date(2026, 3, 1)).as_of
            datetime.date(2026, 3, 1)
        """
        return replace(self, rows=rows[list(_COLUMNS)].reset_index(drop=True), as_of=as_of)

    def sent(self, keys: frozenset[str]) -> Self:
        """Return the state after contacts with some keys were made on the day of the run.

        Examples:
            >>> len(ScenarioState.empty().sent(frozenset()).rows)
            0
        """
        if self.as_of is None or not keys:
            return self
        rows = self.rows.copy()
        made = rows["key"].isin(keys) & (rows["status"] == WAITING)
        rows.loc[made, "status"] = SENT
        rows.loc[made, "on"] = np.datetime64(self.as_of, "us")
        return replace(self, rows=rows)

    def of(self, customer_id: object) -> pd.DataFrame:
        """Return the steps of a customer.

        Args:
            customer_id: The customer.

        Examples:
            >>> len(ScenarioState.empty().of("a"))
            0
        """
        return self.rows[self.rows["customer_id"] == customer_id].reset_index(drop=True)

    def save(self, path: Path) -> None:
        """Write the state atomically, as JSON lines.

        Args:
            path: The file; an existing one is replaced.

        Raises:
            StoreError: If the file cannot be written; an existing file is then unchanged.

        Examples:
            >>> from tempfile import TemporaryDirectory
            >>> with TemporaryDirectory() as folder:
            ...     ScenarioState.empty().save(Path(folder, "state.jsonl"))
            ...     ScenarioState.load(Path(folder, "state.jsonl"))
            ScenarioState(before the first run: 0 entries)
        """
        as_of = None if self.as_of is None else self.as_of.isoformat()
        head = {"format": _FORMAT, "version": 1, "as_of": as_of, "rows": len(self.rows)}
        lines = [json.dumps(head), *map(_line, self.rows.itertuples(index=False))]
        try:
            replace_file(path, "\n".join([*lines, ""]).encode())
        except OSError as error:
            problem = f"cannot write {path}: {error.strerror}"
            raise StoreError(f"{problem}. Hint: name a file in a folder that exists") from error

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the state that a file holds.

        Args:
            path: The file.

        Raises:
            StoreError: If the file cannot be read, or is not a complete state.

        Examples:
            >>> try:
            ...     ScenarioState.load(Path("absent.jsonl"))
            ... except StoreError as error:
            ...     print(error)
            cannot read absent.jsonl: No such file or directory. Hint: ScenarioState.empty()
        """
        try:
            head, *lines = map(json.loads, path.read_text("utf-8").removesuffix("\n").split("\n"))
            return cls._read(head, lines)
        except OSError as error:
            message = f"cannot read {path}: {error.strerror}. Hint: ScenarioState.empty()"
            raise StoreError(message) from error
        except (ValueError, TypeError, KeyError) as error:
            message = f"{path} is not a complete state of scenarios"
            raise StoreError(f"{message}. Hint: restore the file of the last run") from error

    @classmethod
    def _read(cls, head: Mapping[str, object], lines: list[list[object]]) -> Self:
        """Return the state of the lines of a file.

        Raises:
            ValueError: If it is not a state; or TypeError, or KeyError.
        """
        if head["format"] != _FORMAT or head["version"] != 1 or head["rows"] != len(lines):
            raise ValueError("another format, or lines are missing")
        frame = pd.DataFrame(lines, columns=list(_COLUMNS), dtype=object)
        times = {
            name: pd.to_datetime(frame[name], format="ISO8601").to_numpy().astype("datetime64[us]")
            for name in ("entered", "on")
        }
        frame = frame.assign(**times)
        as_of = None if head["as_of"] is None else date.fromisoformat(str(head["as_of"]))
        return cls(frame, as_of)


def _line(row: tuple[object, ...]) -> str:
    return json.dumps([_written(value) for value in row], ensure_ascii=False)


def _written(value: object) -> object:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, np.integer):
        return int(value)
    return none_if_missing(value)


def step_key(customer: object, scenario: str, entered: np.datetime64, step: str) -> str:
    """Return the key of the contact of a step: equal on every run.

    Examples:
        >>> step_key("a", "welcome", np.datetime64("2026-03-01"), "tips")
        'd7def197b62e6f3f'
    """
    moment = entered.astype("datetime64[us]")
    text = "\x00".join((str(customer), scenario, str(moment), step))
    return blake2b(text.encode(), digest_size=8).hexdigest()
