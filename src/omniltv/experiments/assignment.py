"""Assignment of customers to arms by salted hashes, and checks of the arms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from math import fsum, isclose
from typing import Self, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._columns import check_ids, first_rows, labels, numbers, positions, read_ids, repeated
from omniltv._frames import IntoTable, Tabular, collect
from omniltv._options import checked
from omniltv.data.report import IntakeReport, entries_of, entry_of
from omniltv.errors import ConfigError, DataError
from omniltv.experiments._hashing import dealt, uniform
from omniltv.experiments._moments import moments
from omniltv.experiments.checks.balance import Balance
from omniltv.experiments.checks.sample_ratio import SampleRatio

__all__ = ["BEFORE", "Assignment", "assign", "refuse_repeated", "refuse_unassigned"]

_WHAT = "the assignment"
_TWO = 2
_AGAIN = "customer_id: copy of an earlier row"
_OTHERS = "customer_id: not one of the customers"
BEFORE = "the baseline table"


@checked
def assign(
    customers: IntoTable | Iterable[object],
    *,
    arms: Mapping[str, float],
    salt: str,
    strata: str | Sequence[str] | None = None,
    cluster: str | None = None,
    customer_id: str = "customer_id",
    start: datetime | None = None,
    by_stratum: Mapping[str, Mapping[str, float]] | None = None,
) -> "Assignment":
    """Return the arm of every customer, drawn by a salted hash of the id.

    The hash (BLAKE2b of salt and id, as a number in [0, 1)) does not depend on the run, the
    machine or the order of rows, and is independent between salts: use one salt per
    experiment.

    Without strata the arm of a customer depends on that customer alone. Customers who join
    later can be assigned later and no one moves, but the sizes of the arms vary by chance.
    With strata the customers of a stratum are sorted by their hashes and dealt out, so each
    arm gets its share of each stratum to within one customer. The arm then depends on the
    other customers of the stratum, so assign once and keep the table.

    Args:
        customers: A frame, a result such as a `Tiering`, or an iterable of ids.
        arms: Share of customers by arm; at least two arms, shares adding up to 1. Their
            order does not matter.
        salt: Name of the experiment.
        strata: Column or columns of the frame whose combinations are the strata.
        cluster: Column of a unit that is assigned as a whole, such as the store or the
            household. The arm is then drawn by the hash of the cluster, and standard errors
            are computed over clusters.
        customer_id: Column of the id. Ids are hashed as text, so 7 and "7" are the same.
        start: Start of the treatment.
        by_stratum: Shares of the strata whose shares differ from ``arms``, by stratum.

    Raises:
        ConfigError: If the shares do not add up to 1, strata or a cluster are given without
            a frame, both are given, or ``by_stratum`` has other arms or an unknown stratum.
        DataError: If an id is missing or repeated, or a column is absent.

    Examples:
        >>> drawn = assign(range(1000), arms={"control": 0.5, "treated": 0.5}, salt="spring")
        >>> drawn
        Assignment(1,000 customers: control 472, treated 528)
        >>> drawn.arm_of(7)
        'treated'
    """
    shares = _checked_shares(arms)
    if not salt:
        raise ConfigError("an empty salt. Hint: salt='name of the experiment'")
    ids, stratum = _customers(customers, customer_id, strata)
    refuse_repeated(ids, customer_id)
    of_cluster = None if cluster is None else _clusters(customers, cluster, strata, ids)
    place = uniform(ids if of_cluster is None else of_cluster.tolist(), salt)
    special = _special_shares(by_stratum or {}, shares, stratum)
    if stratum is not None:
        place = dealt(place, stratum, salt)
    arm = _arm_at(place, shares)
    for name, own in special.items():
        inside = stratum == name
        arm[inside] = _arm_at(place[inside], own)
    return Assignment(
        ids, arm, stratum=stratum, shares=shares, start=start, cluster=of_cluster,
        by_stratum=special,
    )  # fmt: skip


def _arm_at(place: NDArray[np.float64], shares: Mapping[str, float]) -> NDArray[np.str_]:
    """Return the arm at each place in [0, 1): arms in the order of their names."""
    edges = np.cumsum(list(shares.values()))[:-1]
    return np.asarray(list(shares))[np.searchsorted(edges, place, side="right")]


def _special_shares(
    by_stratum: Mapping[str, Mapping[str, float]],
    shares: Mapping[str, float],
    stratum: NDArray[np.str_] | None,
) -> dict[str, dict[str, float]]:
    """Return checked shares by stratum."""
    if by_stratum and stratum is None:
        raise ConfigError("shares by stratum need strata. Hint: strata='tier'")
    unknown = sorted(set(by_stratum) - set([] if stratum is None else stratum.tolist()))
    if unknown:
        hint = "the labels of the strata, such as 'high' or 'high / store'"
        raise ConfigError(f"by_stratum has no such stratum: {', '.join(unknown)}. Hint: {hint}")
    special = {name: _checked_shares(own) for name, own in by_stratum.items()}
    for name, own in special.items():
        if list(own) != list(shares):
            hint = f"the arms are {', '.join(shares)}"
            raise ConfigError(f"by_stratum[{name!r}] has other arms than arms=. Hint: {hint}")
    return special


@checked
@dataclass(frozen=True, eq=False)
class Assignment(Tabular):
    """The arm of each customer; created by `assign` or `from_frame`.

    Attributes:
        customer_id: Unique, of shape (n_customers,).
        arm: Shape (n_customers,).
        stratum: Stratum of each customer, of shape (n_customers,), if there are strata.
        shares: Planned share of each arm, if known.
        start: Start of the treatment, if known.
        report: Rows kept and left out, if the assignment was read from a table or selected
            by `among`.
        cluster: Unit that was assigned as a whole, of shape (n_customers,), such as the
            store; None if customers were assigned one by one.
        by_stratum: Planned shares of the strata whose shares differ from ``shares``.
        randomised: Whether the arms were drawn at random. If not, only estimators that
            adjust for confounding give an estimate.
        left_out: Arms of the customers whom `among` left out.
        entered: When each customer entered the experiment, of shape (n_customers,), if known.
        two_arms: Customers whom `follow_identities` left out, because their former ids were in
            different arms.
        n_ids: Number of former ids of each customer, if `follow_identities` was used.

    Examples:
        >>> made = Assignment(np.array(["a", "b"], dtype=object), np.array(["control", "treated"]))
        >>> made.arm_of("b")
        'treated'
    """

    customer_id: NDArray[np.object_]
    arm: NDArray[np.str_]
    stratum: NDArray[np.str_] | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    start: datetime | None = None
    report: IntakeReport[pd.DataFrame] | None = None
    cluster: NDArray[np.str_] | None = None
    by_stratum: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    randomised: bool = True
    left_out: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, dtype=np.str_))
    entered: NDArray[np.datetime64] | None = None
    two_arms: tuple[object, ...] = ()
    n_ids: NDArray[np.intp] | None = None

    @classmethod
    def from_frame(
        cls,
        frame: IntoTable,
        *,
        shares: Mapping[str, float] | None = None,
        customer_id: str = "customer_id",
        arm: str = "arm",
        stratum: str | None = None,
        cluster: str | None = None,
        start: datetime | None = None,
        randomised: bool = True,
        by_stratum: Mapping[str, Mapping[str, float]] | None = None,
        entered: str | None = None,
    ) -> Self:
        """Return an assignment made elsewhere.

        Repeated rows of a customer are allowed if they agree.

        Args:
            frame: One row per customer.
            shares: Planned share of each arm; `srm` needs them.
            customer_id: Column of the id.
            arm: Column of the arm.
            stratum: Column of the stratum.
            cluster: Column of the unit that was assigned as a whole, such as the store.
            start: Start of the treatment.
            randomised: Whether the arms were drawn at random. Pass False for observational
                data, such as customers chosen by a rule or who chose themselves.
            by_stratum: Planned shares of the strata whose shares differ from ``shares``.
            entered: Column of the time at which the customer entered the experiment, such as the
                first visit; the first row of a customer counts.

        Raises:
            DataError: If a customer is in two arms (or strata), an id or arm is missing, an
                arm is not among the shares, or a time cannot be read.
            ConfigError: If the shares do not add up to 1, or ``by_stratum`` has other arms or an
                unknown stratum.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"customer_id": [1, 2], "arm": ["control", "treated"]})
            >>> Assignment.from_frame(frame)
            Assignment(2 customers: control 1, treated 1)
        """
        table = collect(frame, _WHAT)
        ids = read_ids(table, customer_id, _WHAT)
        keys = [name for name in (arm, stratum, cluster) if name is not None]
        said = {name: labels(table, name, _WHAT, ids=ids) for name in keys}
        same, first = first_rows(ids)
        for name, values in said.items():
            _refuse_two(ids, values, same, name)
        planned = {} if shares is None else _checked_shares(shares)
        unplanned = np.isin(said[arm], list(planned), invert=True)
        if planned and unplanned.any():
            hint = f"the shares are of {', '.join(planned)}"
            raise DataError("arms not planned", column=arm, rows=list(ids[unplanned]), hint=hint)
        strata = None if stratum is None else said[stratum][first]
        unit = None if cluster is None else said[cluster][first]
        report = _report(ids, said, np.isin(np.arange(len(ids)), first), _AGAIN)
        when = None
        if entered is not None:
            when = moments(table, entered, _WHAT, ids=ids, start=start)[first]
        return cls(
            ids[first], said[arm][first], strata, planned, start, report, unit,
            by_stratum=_special_shares(by_stratum or {}, planned, strata), randomised=randomised,
            entered=when,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.customer_id)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{arm} {n:,}" for arm, n in self.sizes().items())
        return f"Assignment({len(self):,} customers: {sizes})"

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, sorted; includes planned arms without customers."""
        return tuple(sorted({*self.shares, *map(str, np.unique(self.arm))}))

    def sizes(self) -> dict[str, int]:
        """Return the number of customers of each arm.

        Examples:
            >>> drawn = assign(range(10), arms={"control": 0.5, "treated": 0.5}, salt="spring")
            >>> sum(drawn.sizes().values())
            10
        """
        return {arm: int((self.arm == arm).sum()) for arm in self.arms}

    def arm_of(self, customer_id: object) -> str:
        """Return the arm of one customer.

        Raises:
            DataError: If the customer was not assigned.

        Examples:
            >>> assign(["a"], arms={"control": 0.5, "treated": 0.5}, salt="spring").arm_of("a")
            'treated'
        """
        place = positions(check_ids([customer_id], "customer_id"), self.customer_id)[0]
        if place < 0:
            hint = "ids keep their type: 7 is not '7'"
            problem = "the customer was not assigned"
            raise DataError(problem, column="customer_id", rows=[customer_id], hint=hint)
        return str(self.arm[place])

    def among(self, customers: Iterable[object]) -> Self:
        """Return the assignment of the given customers; others are left out.

        Planned shares and strata are kept, so `srm` shows whether the selection depends on
        the arm.

        Args:
            customers: Ids; those not assigned are ignored.

        Examples:
            >>> drawn = assign(["a", "b"], arms={"control": 0.5, "treated": 0.5}, salt="spring")
            >>> drawn.among(["b", "c"]).customer_id.tolist()
            ['b']
        """
        kept = positions(self.customer_id, check_ids(list(customers), "customer_id")) >= 0
        return replace(
            self,
            customer_id=self.customer_id[kept],
            arm=self.arm[kept],
            stratum=None if self.stratum is None else self.stratum[kept],
            cluster=None if self.cluster is None else self.cluster[kept],
            entered=None if self.entered is None else self.entered[kept],
            n_ids=None if self.n_ids is None else self.n_ids[kept],
            report=_report(self.customer_id, {"arm": self.arm}, kept, _OTHERS),
            left_out=np.concatenate([self.left_out, self.arm[~kept]]),
        )

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns ``customer_id``, ``arm`` and, if there are any, stratum and cluster.

        Examples:
            >>> list(assign(["a"], arms={"control": 0.5, "treated": 0.5}, salt="s").columns())
            ['customer_id', 'arm']
        """
        columns = {"customer_id": self.customer_id, "arm": self.arm}
        more = {"stratum": self.stratum, "cluster": self.cluster}
        return columns | {name: values for name, values in more.items() if values is not None}

    def srm(self) -> "SampleRatio":
        """Return the check for a sample ratio mismatch, overall and per stratum.

        Pearson's chi-square test of the sizes of the arms against the planned shares, in
        customers, or in clusters if they were assigned as a whole. A mismatch means that
        customers were lost or moved because of their arm, which no estimator corrects.

        Raises:
            ConfigError: If the planned shares are not known.

        Examples:
            >>> drawn = assign(range(1000), arms={"control": 0.5, "treated": 0.5}, salt="spring")
            >>> drawn.srm().verdict
            'as planned (p = 0.077)'
        """
        if not self.shares:
            hint = "Assignment.from_frame(frame, shares={'control': 0.5, 'treated': 0.5})"
            raise ConfigError(f"the planned shares are not known. Hint: {hint}")
        return SampleRatio.of(
            self.arm, self.shares, self.stratum, self.by_stratum, cluster=self.cluster
        )

    def balance(
        self, frame: IntoTable, columns: Sequence[str], *, control: str | None = None
    ) -> "Balance":
        """Return the differences between the arms before the treatment.

        Args:
            frame: One row per customer, known before the treatment; customers who were not
                assigned are left out.
            columns: Columns of numbers. Missing values are left out.
            control: The arm to compare with; the first by name if None.

        Raises:
            DataError: If a column is absent or infinite, or a customer has two rows.

        Examples:
            >>> import pandas as pd
            >>> drawn = assign(range(1000), arms={"control": 0.5, "treated": 0.5}, salt="spring")
            >>> before = pd.DataFrame({"customer_id": range(1000), "age": [30, 40] * 500})
            >>> drawn.balance(before, ["age"]).ok
            True
        """
        table = collect(frame, BEFORE)
        ids = read_ids(table, "customer_id", BEFORE)
        place = self.rows_of(ids)
        base = self.arms[0] if control is None else self.known_arm(control)
        values = {
            name: _at(numbers(table, name, BEFORE, ids=ids, allow_missing=True), place)
            for name in columns
        }
        return Balance.of(values, self.arm, self.arms, base)

    def known_arm(self, arm: str) -> str:
        """Return the name of an arm, or raise ConfigError if it is unknown.

        Examples:
            >>> assign([], arms={"control": 0.5, "treated": 0.5}, salt="s").known_arm("treated")
            'treated'
        """
        if arm in self.arms:
            return arm
        raise ConfigError(f"no arm {arm!r}. Hint: the arms are {', '.join(self.arms)}")

    def rows_of(self, ids: NDArray[np.object_]) -> NDArray[np.intp]:
        """Return the row of each assigned customer among ids of rows, -1 if there is none.

        Raises:
            DataError: If a customer is there twice, or no assigned customer is.

        Examples:
            >>> drawn = assign(["a", "b"], arms={"control": 0.5, "treated": 0.5}, salt="spring")
            >>> drawn.rows_of(np.array(["b"], dtype=object)).tolist()
            [-1, 0]
        """
        refuse_repeated(ids, "customer_id")
        place = positions(self.customer_id, ids)
        refuse_unassigned(place, "customer_id")
        return place


def _report(
    ids: NDArray[np.object_],
    said: Mapping[str, NDArray[np.str_]],
    kept: NDArray[np.bool_],
    reason: str,
) -> IntakeReport[pd.DataFrame]:
    """Return the report on rows of an assignment, all others left out on purpose."""
    aside = np.flatnonzero(~kept)
    rows = {name: values[aside].astype(object) for name, values in said.items()}
    return IntakeReport(
        table="assignment",
        given=entry_of("", len(ids)),
        kept=entry_of("", int(kept.sum())),
        rejected=pd.DataFrame({"customer_id": ids[aside], **rows, "reason": reason}),
        asides=entries_of(np.where(kept, "", reason).astype(object), None, expected=[reason]),
        ids=tuple(ids[aside].tolist()),
    )


def refuse_repeated(ids: NDArray[np.object_], column: str) -> None:
    """Raise DataError if customers have several rows.

    Args:
        ids: Customer of each row.
        column: Column of the id.

    Examples:
        >>> refuse_repeated(np.array(["a", "b"], dtype=object), "customer_id")
    """
    twice = repeated(ids)
    if twice:
        hint = "one row per customer"
        raise DataError("customers with several rows", column=column, rows=twice, hint=hint)


def refuse_unassigned(place: NDArray[np.intp], column: str) -> None:
    """Raise DataError if no customer of a table was assigned.

    Args:
        place: Position of each customer among those assigned, -1 for the others.
        column: Column of the id.

    Examples:
        >>> refuse_unassigned(np.array([0, -1]), "customer_id")
    """
    if len(place) and (place < 0).all():
        hint = "use the same ids, of the same type, in both tables"
        raise DataError("no assigned customer is in the table", column=column, hint=hint)


def _at(values: NDArray[np.float64], place: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.where(place >= 0, values[place], np.nan)


def _checked_shares(arms: Mapping[str, float]) -> dict[str, float]:
    """Return the shares in the order of the arms' names."""
    shares = {str(arm): float(arms[arm]) for arm in sorted(arms)}
    hint = "arms={'control': 0.5, 'treated': 0.5}"
    if len(shares) < _TWO:
        raise ConfigError(f"an experiment has at least two arms, got {len(shares)}. Hint: {hint}")
    if not all(share > 0 for share in shares.values()):
        raise ConfigError(f"every arm has a share above 0, got {shares}. Hint: {hint}")
    if not isclose(fsum(shares.values()), 1.0, abs_tol=1e-9):
        raise ConfigError(f"shares add up to {fsum(shares.values()):g}, not 1. Hint: {hint}")
    return shares


def _customers(
    customers: IntoTable | Iterable[object], customer_id: str, strata: str | Sequence[str] | None
) -> tuple[NDArray[np.object_], NDArray[np.str_] | None]:
    """Return the ids and, with strata, the stratum of each."""
    try:
        table = collect(cast("IntoTable", customers), "customers")
    except DataError:
        return _bare_ids(customers, customer_id, strata), None
    ids = read_ids(table, customer_id, "customers")
    if strata is None:
        return ids, None
    names = [strata] if isinstance(strata, str) else list(strata)
    columns = [labels(table, name, "customers", ids=ids) for name in names]
    if len(columns) == 1:
        return ids, columns[0]
    parts = [[label.replace("/", "//") for label in column.tolist()] for column in columns]
    joined = [" / ".join(row) for row in zip(*parts, strict=True)]
    return ids, np.asarray(joined, dtype=np.str_)


def _clusters(
    customers: IntoTable | Iterable[object],
    cluster: str,
    strata: str | Sequence[str] | None,
    ids: NDArray[np.object_],
) -> NDArray[np.str_]:
    """Return the cluster of each customer."""
    if strata is not None:
        message = "strata of customers cannot be kept if clusters are assigned"
        raise ConfigError(f"{message}. Hint: leave strata= or cluster= out")
    try:
        table = collect(cast("IntoTable", customers), "customers")
    except DataError as error:
        hint = "assign(frame, cluster=...)"
        raise ConfigError(f"a cluster is a column of a frame, got ids. Hint: {hint}") from error
    return labels(table, cluster, "customers", ids=ids)


def _bare_ids(
    customers: object, customer_id: str, strata: str | Sequence[str] | None
) -> NDArray[np.object_]:
    if isinstance(customers, (str, bytes, Mapping)) or not isinstance(customers, Iterable):
        kind = type(customers).__name__
        raise DataError(f"customers are a frame or a list of ids, got {kind}", column=customer_id)
    if strata is not None:
        raise ConfigError("strata are columns of a frame, got ids. Hint: assign(frame, ...)")
    return check_ids(list(customers), customer_id)


def _refuse_two(
    ids: NDArray[np.object_], said: NDArray[np.str_], same: NDArray[np.intp], column: str
) -> None:
    """Raise DataError if rows of one customer (``same``: its first row) disagree."""
    differs = said != said[same]
    if differs.any():
        hint = "leave these customers out, or correct their rows"
        rows = list(dict.fromkeys(ids[differs]))
        raise DataError(
            f"customers with more than one {column}", column=column, rows=rows, hint=hint
        )
