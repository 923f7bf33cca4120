"""The state of a store after a run, and its form as tables that anyone can read."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omniltv.errors import ConfigError, StoreError
from omniltv.identity.linking.values import Candidates, LinkModel, ScoredPairs
from omniltv.identity.records._codes import distinct_rows
from omniltv.identity.records.columns import MISSING, Column, Records
from omniltv.identity.stitching.spec import LinkSpec
from omniltv.identity.store._folder import Saved, arrow

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["AUDIT_COLUMNS", "IdentityState", "IssuedIds", "dump", "restore"]

type Plain = Mapping[str, Sequence[object]]

AUDIT_COLUMNS = ("run", "time", "source", "record_id", "before", "after", "change", "reason")
"""The columns of the audit: one row per record whose customer changed."""

_FORMAT = 5
_KEYS = ("source", "record_id", "customer_id")
_BITS, _GRADE = "bits_", "grade_"
_TEXT = "string"


@dataclass(frozen=True, eq=False, repr=False)
class IssuedIds(Container[str]):
    """Customer ids that were given out, and must not be given to another customer.

    Attributes:
        ids: The ids of customers in the store and in its audit.
        forgotten: Hashes of the ids of forgotten customers.

    Examples:
        >>> issued = IssuedIds(frozenset({"ca"}), frozenset({IssuedIds.hashed("cb")}))
        >>> [name in issued for name in ("ca", "cb", "cc")]
        [True, True, False]
    """

    ids: frozenset[str]
    forgotten: frozenset[str]

    def __contains__(self, name: object) -> bool:
        return name in self.ids or self.hashed(str(name)) in self.forgotten

    @staticmethod
    def hashed(name: str) -> str:
        """Return the hash of an id, from which the id cannot be read."""
        return blake2b(name.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, eq=False, repr=False)
class IdentityState:
    """All that the next run needs from earlier runs.

    Attributes:
        version: Number of the run.
        records: Normalised records, sorted by key; shared values are masked.
        customer: Customer id of each record, shape (n_records,).
        pairs: Scored pairs of records that links or a household connect; without decisions.
        decisions: Manual decisions, as columns.
        audit: The changes so far, as columns.
        forgotten: Hashes of the ids of forgotten customers.
    """

    version: int
    records: Records
    customer: NDArray[np.object_]
    pairs: ScoredPairs
    decisions: Plain
    audit: Plain
    forgotten: frozenset[str] = frozenset()

    @property
    def issued(self) -> IssuedIds:
        """All customer ids that were ever given out."""
        past = (name for column in ("before", "after") for name in self.audit[column])
        ids = frozenset({*self.customer.tolist(), *(str(name) for name in past if name)})
        return IssuedIds(ids, self.forgotten)


class _StateHeader(BaseModel):
    """The contents of ``model.json``: the model, and the settings that it was trained with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Annotated[int, Field(ge=1)]
    settings: dict[str, float | int | str | tuple[str, ...]]
    rules: tuple[str, ...]
    levels: dict[str, tuple[str, ...]]
    m: dict[str, list[float]]
    household: dict[str, list[float]]
    u: dict[str, list[float]]
    sources: tuple[str, ...]
    match_share: list[list[float]]
    household_share: list[list[float]]
    factors: dict[str, float]
    forgotten: tuple[str, ...]
    together: dict[str, dict[str, list[float]]]


def dump(state: IdentityState, spec: LinkSpec) -> Saved:
    """Return a state as text and tables."""
    lib = arrow()
    model = state.pairs.model
    header = _StateHeader(
        format=_FORMAT,
        settings=_settings(spec),
        rules=state.pairs.candidates.rules,
        levels=dict(state.pairs.levels),
        m={name: values.tolist() for name, values in model.m.items()},
        household={name: values.tolist() for name, values in model.household.items()},
        u={name: values.tolist() for name, values in model.u.items()},
        sources=model.sources,
        match_share=model.match_share.tolist(),
        household_share=model.household_share.tolist(),
        factors=dict(model.factors),
        forgotten=tuple(sorted(state.forgotten)),
        together={
            name: {on: ratio.tolist() for on, ratio in of.items()}
            for name, of in model.together.items()
        },
    )
    tables = {
        "records": _records_table(state),
        "pairs": _pairs_table(state.pairs),
        "decisions": lib.table(dict(state.decisions), schema=_decisions_schema()),
        "audit": lib.table(dict(state.audit), schema=_audit_schema()),
    }
    return Saved(state.version, header.model_dump_json(indent=1), tables)


def restore(saved: Saved, spec: LinkSpec) -> IdentityState:
    """Return the state from text and tables.

    Raises:
        StoreError: If they are damaged or have another format.
        ConfigError: If ``spec`` is not the one that the state was made with.
    """
    try:
        header = _StateHeader.model_validate_json(saved.header)
    except ValidationError as error:
        message = "model.json is damaged or of another format"
        raise StoreError(f"{message}. Hint: restore the folder from a backup") from error
    if header.format != _FORMAT:
        message = f"the store has format {header.format}; this library reads {_FORMAT}"
        hint = "create it again: IdentityStore.create(folder, stitch(records, previous=crosswalk))"
        raise StoreError(f"{message}. Hint: {hint}")
    _check(header, spec)
    try:
        return _state(saved, header)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        message = f"the tables of the store do not fit together: {type(error).__name__}"
        raise StoreError(f"{message}. Hint: restore the folder from a backup") from error


def _state(saved: Saved, header: _StateHeader) -> IdentityState:
    """Return the state of tables.

    Raises:
        ValueError: If a table has other columns, or a pair is of records that do not exist.
        KeyError: If a table is missing.
    """
    for name, kinds in _kinds_of_columns(saved.tables).items():
        if [_kind(field.type) for field in saved.tables[name].schema] != kinds:
            raise ValueError(name)
    records, customer = _records(saved.tables["records"])
    pairs = _pairs(saved.tables["pairs"], header)
    ends = np.concatenate([pairs.candidates.left, pairs.candidates.right])
    if len(ends) and not (ends.min() >= 0 and ends.max() < len(records)):
        raise ValueError("pairs")
    return IdentityState(
        version=saved.version,
        records=records,
        customer=customer,
        pairs=pairs,
        decisions=_plain(saved.tables["decisions"]),
        audit=_plain(saved.tables["audit"]),
        forgotten=frozenset(header.forgotten),
    )


def _kinds_of_columns(tables: Mapping[str, "pa.Table"]) -> dict[str, list[str]]:
    """Return the kind of each column that the tables of a store must have.

    Raises:
        ValueError: If the tables of decisions and of the audit have other columns.
    """
    schemas = {"decisions": _decisions_schema(), "audit": _audit_schema()}
    if any(tables[name].schema.names != schema.names for name, schema in schemas.items()):
        raise ValueError("columns")
    kinds = {name: [_kind(field.type) for field in schema] for name, schema in schemas.items()}
    pairs = tables["pairs"].schema.names
    numbers = {"left": "int64", "right": "int64", "rules": _TEXT}
    return kinds | {
        "records": [_TEXT for _ in tables["records"].schema],
        "pairs": [
            numbers.get(name, "double" if name.startswith(_BITS) else "int8") for name in pairs
        ],
    }


def _kind(dtype: "pa.DataType") -> str:
    """Return the name of a type; texts are one kind, stored once or repeatedly."""
    return str(getattr(dtype, "value_type", dtype))


def _settings(spec: LinkSpec) -> dict[str, float | int | str | tuple[str, ...]]:
    return {
        "threshold": spec.threshold,
        "family_threshold": spec.family_threshold,
        "unique_sources": spec.unique_sources,
        "max_block": spec.max_block,
        "max_sharing": spec.max_sharing,
        "learn_from_decisions": spec.learn_from_decisions,
        "normalised": spec.normalised,
        "own_columns": tuple(f"{own.name}: {own.rule}" for own in spec.own_columns),
        **spec.spelling.model_dump(),
    }


def _check(header: _StateHeader, spec: LinkSpec) -> None:
    """Raise ConfigError if the stored evidence has another meaning with this spec."""
    have = {
        "blockers": header.rules,
        "comparisons": {name: tuple(levels) for name, levels in header.levels.items()},
        **header.settings,
    }
    want = {
        "blockers": tuple(rule.name for rule in spec.blockers),
        "comparisons": {c.name: tuple(c.levels) for c in spec.comparisons},
        **_settings(spec),
    }
    other = [name for name in want if have.get(name) != want[name]]
    if other:
        message = f"the store was made with other {', '.join(other)}"
        hint = "open it with the LinkSpec it was made with, or make a new one"
        raise ConfigError(f"{message}. Hint: {hint}")


def _texts(*names: str) -> "pa.Schema":
    lib = arrow()
    return cast("pa.Schema", lib.schema([(name, lib.string()) for name in names]))


def _decisions_schema() -> "pa.Schema":
    lib = arrow()
    texts = _texts("source_a", "record_id_a", "source_b", "record_id_b")
    return cast("pa.Schema", texts.append(lib.field("same", lib.bool_())))


def _audit_schema() -> "pa.Schema":
    lib = arrow()
    first = lib.schema([("run", lib.int64()), ("time", lib.timestamp("us", tz="UTC"))])
    return cast("pa.Schema", lib.unify_schemas([first, _texts(*AUDIT_COLUMNS[2:])]))


def _records_table(state: IdentityState) -> "pa.Table":
    lib = arrow()
    records = state.records
    keys = (records.source, records.record_id, state.customer)
    data: dict[str, Any] = {
        name: lib.array(values, lib.string()) for name, values in zip(_KEYS, keys, strict=True)
    }
    for name, column in records.columns.items():
        codes, values = _used(column)
        missing = codes == MISSING
        data[name] = lib.DictionaryArray.from_arrays(
            lib.array(codes, lib.int32(), mask=missing), lib.array(values, lib.string())
        )
    return cast("pa.Table", lib.table(data))


def _used(column: Column) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Return codes and values without the values that no record has."""
    used = column.count > 0
    place = np.append(np.cumsum(used) - 1, MISSING)
    return place[column.codes], column.values[used]


def _records(table: "pa.Table") -> tuple[Records, NDArray[np.object_]]:
    source, record_id, customer = (_texts_of(table, name) for name in _KEYS)
    columns = {name: _column(table, name) for name in table.column_names if name not in _KEYS}
    for kind in ("written", "reading", "sound"):  # the two names share their distinct values
        names = [name for name in (f"family_{kind}", f"given_{kind}") if name in columns]
        values = sorted({value for name in names for value in columns[name].values.tolist()})
        place = {value: code for code, value in enumerate(values)}
        for name in names:
            move = np.array([place[v] for v in columns[name].values.tolist()] + [MISSING])
            columns[name] = Column(move[columns[name].codes], np.array(values, dtype=object))
    return Records(source, record_id, columns), customer


def _plain(table: "pa.Table") -> dict[str, list[object]]:
    """Return a table as columns; equal texts are one object."""
    texts = {field.name for field in table.schema if str(field.type).startswith("dictionary")}
    return {
        name: _texts_of(table, name).tolist() if name in texts else table.column(name).to_pylist()
        for name in table.column_names
    }


def _texts_of(table: "pa.Table", name: str) -> NDArray[np.object_]:
    column = _column(table, name)
    values = np.array([*column.values.tolist(), None], dtype=object)
    return values[column.codes]


def _column(table: "pa.Table", name: str) -> Column:
    encoded = cast("Any", table.column(name)).dictionary_encode().combine_chunks()
    codes = encoded.indices.fill_null(MISSING).to_numpy(zero_copy_only=False)
    values = np.array(encoded.dictionary.to_pylist(), dtype=object)
    return Column(np.asarray(codes, dtype=np.int64), values)


def _pairs_table(pairs: ScoredPairs) -> "pa.Table":
    lib = arrow()
    found = pairs.candidates
    back, first = distinct_rows(found.proposed)
    names = np.array(found.rules, dtype=object)
    named = [", ".join(names[row].tolist()) for row in found.proposed[first]]
    rules = lib.DictionaryArray.from_arrays(
        lib.array(back, lib.int32()), lib.array(named, lib.string())
    )
    data = {"left": found.left, "right": found.right, "rules": rules}
    data |= {f"{_BITS}{name}": values for name, values in pairs.bits.items()}
    data |= {f"{_GRADE}{name}": values for name, values in pairs.grades.items()}
    return cast("pa.Table", lib.table(data))


def _pairs(table: "pa.Table", header: _StateHeader) -> ScoredPairs:
    numbers = {
        name: np.asarray(table.column(name).to_numpy())
        for name in table.column_names
        if name != "rules"
    }
    rules = _column(table, "rules")
    which = np.array(
        [[rule in named.split(", ") for rule in header.rules] for named in rules.values.tolist()],
        dtype=np.bool_,
    ).reshape(-1, len(header.rules))
    bits = {n.removeprefix(_BITS): v for n, v in numbers.items() if n.startswith(_BITS)}
    weight = np.sum([*bits.values(), np.zeros(len(numbers["left"]))], axis=0)
    found = Candidates(
        numbers["left"], numbers["right"], header.rules, which[rules.codes], oversized={}
    )
    return ScoredPairs(
        candidates=found,
        probability=1 / (1 + np.exp2(-np.clip(weight, -500, 500))),
        bits=bits,
        grades={n.removeprefix(_GRADE): v for n, v in numbers.items() if n.startswith(_GRADE)},
        levels=header.levels,
        model=_model(header),
    )


def _model(header: _StateHeader) -> LinkModel:
    m, h, u = (
        {name: np.array(values) for name, values in levels.items()}
        for levels in (header.m, header.household, header.u)
    )
    match, household = np.array(header.match_share), np.array(header.household_share)
    together = {
        name: {on: np.array(ratio) for on, ratio in of.items()}
        for name, of in header.together.items()
    }
    return LinkModel(m, h, u, header.sources, match, household, header.factors, together)
