"""Effects by customer from an experiment, each by a fit that did not see the customer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Flags, Matrix, Objects, Places, Vector
from omniltv._columns import read_ids
from omniltv._frames import IntoTable, Tabular, collect
from omniltv._options import Finite, Level, Seed, checked
from omniltv.errors import ConfigError, DataError
from omniltv.experiments._hashing import dealt, uniform
from omniltv.experiments._joined import ObservedOutcomes
from omniltv.experiments._study import Findings, Study
from omniltv.experiments.assignment import BEFORE, Assignment
from omniltv.experiments.checks import CHECKS, CheckFinding, StudyFacts
from omniltv.experiments.learning.cells import PooledEffects, pool_effects
from omniltv.experiments.learning.off_policy import PolicyValue, value_of_scores
from omniltv.experiments.tables import Baseline, IntoOutcome, as_outcome
from omniltv.experiments.uplift._coding import Coding, CovariateColumns, read_columns
from omniltv.experiments.uplift.curves import UpliftCurve, qini_curve
from omniltv.experiments.uplift.protocol import EffectLearner, FittedEffects, UpliftSample
from omniltv.experiments.uplift.ridge import Ridge

__all__ = ["CustomerEffects", "customer_effects"]

_FOLDS = 5
_LEAST = 20  # customers of each arm
_WHAT = "the table of customers"

type Against = Literal["nobody", "everybody"]


@checked
def customer_effects(
    outcome: IntoOutcome,
    assignment: Assignment,
    *,
    control: str,
    baseline: Baseline,
    learner: EffectLearner,
    treatment: str | None = None,
    seed: Seed = 0,
    despite: Sequence[str] = (),
) -> "CustomerEffects":
    """Return the effect of a treatment on each customer of an experiment.

    The customers are dealt into five folds by a hash of their ids. The effects of a fold come
    from a fit to the other four (cross-fitting), so curves and values of policies are
    out-of-sample.

    Covariates may be numbers and labels. A missing number counts as the mean, and a column says
    so. A label of fewer than 20 customers counts as the most frequent one.

    Args:
        outcome: A table with the column ``value``, or an `Outcome`; not a ratio.
        assignment: The arm of each customer. If it was not drawn at random, the baseline must
            have a ``propensity``.
        control: The arm to compare with.
        baseline: Covariates, known before the treatment; groups that cells are made of; and the
            probability of the treatment, if it is not the same for all customers of a stratum.
        learner: Learns the effects.
        treatment: The other arm; needed if there are several.
        seed: Seed of folds and learner.
        despite: Names of checks whose stop is ignored.

    Raises:
        DataError: If a check stops the experiment, an arm has fewer than 20 customers, a
            propensity is not inside (0, 1), or a table is not as described.
        ConfigError: If an arm is unknown, there is no covariate, or the outcome is a ratio.

    Warns:
        DataWarning: For each warning of a check.

    Examples:
        >>> from omniltv.experiments.uplift import Interactions
        >>> rng = np.random.default_rng(1)
        >>> table = pd.DataFrame({"customer_id": range(2000), "arm": ["control", "mail"] * 1000,
        ...                       "age": rng.normal(40, 10, 2000)})
        >>> mailed = (table["arm"] == "mail").to_numpy()
        >>> table["value"] = rng.normal(10, 3, 2000) + mailed * (table["age"] - 40) / 5
        >>> found = customer_effects(table, Assignment.from_frame(table), control="control",
        ...                          baseline=Baseline(table, covariates="age"),
        ...                          learner=Interactions())
        >>> bool(np.corrcoef(found.effect, table["age"])[0, 1] > 0.9)
        True
        >>> found.policy_value(cost=0.0, against="everybody").low > 0
        True
    """
    study = _TwoArms.of(outcome, assignment, control, treatment, baseline, despite)
    sample, coding = study.sample()
    fold = _folds(study.customer_id, sample.treated, seed)
    effect, sd, base = (np.empty(len(fold)) for _ in range(3))
    for k in range(_FOLDS):
        here, rest = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        learnt = learner.fit(_part(sample, rest), seed=seed)
        effect[here], sd[here] = learnt.predict(sample.covariates[here])
        base[here] = _base(sample, rest, here)
    return CustomerEffects(
        customer_id=study.customer_id,
        effect=effect,
        sd=sd,
        sample=sample,
        base=base,
        groups=study.groups,
        model=learner.fit(sample, seed=seed),
        coding=coding,
        learner=learner.name,
        findings=study.findings,
        notes=study.notes,
    )


@checked
@dataclass(frozen=True, eq=False, repr=False)
class CustomerEffects(Tabular):
    """Effects of a treatment by customer; created by `customer_effects`.

    Attributes:
        customer_id: Customers of both arms, of shape (n_customers,).
        effect: Effect of the treatment on each, by a fit that did not see the customer.
        sd: Its standard deviation; NaN if the learner has none.
        sample: What the learner saw.
        base: Expected outcome without the treatment, by a fit that did not see the customer.
        groups: Labels of the customers by column of the baseline's ``by``.
        model: The learner, fitted to all customers.
        coding: How covariates became numbers.
        learner: Name of the learner.
        findings: What the checks found.
        notes: What was assumed.

    Examples:
        >>> from omniltv.experiments.uplift import TLearner, Ridge
        >>> table = pd.DataFrame({"customer_id": range(80), "arm": ["a", "b"] * 40,
        ...                       "age": np.arange(80) % 7, "value": np.arange(80) % 2 * 3.0})
        >>> customer_effects(table, Assignment.from_frame(table), control="a",
        ...                  baseline=Baseline(table, covariates="age"), learner=TLearner(Ridge()))
        CustomerEffects(80 customers, mean effect 3, by T-learner)
    """

    customer_id: Objects
    effect: Vector
    sd: Vector
    sample: UpliftSample
    base: Vector
    groups: Mapping[str, NDArray[np.str_]]
    model: FittedEffects
    coding: Coding
    learner: str
    findings: tuple[CheckFinding, ...]
    notes: tuple[str, ...]

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns ``customer_id``, ``effect`` and ``sd``.

        Examples:
            >>> from omniltv.experiments.uplift import TLearner, Ridge
            >>> table = pd.DataFrame({"customer_id": range(80), "arm": ["a", "b"] * 40,
            ...                       "age": np.arange(80) % 7, "value": np.arange(80) % 2 * 4.0})
            >>> found = customer_effects(table, Assignment.from_frame(table), control="a",
            ...     baseline=Baseline(table, covariates="age"), learner=TLearner(Ridge()))
            >>> list(found.columns())
            ['customer_id', 'effect', 'sd']
        """
        return {"customer_id": self.customer_id, "effect": self.effect, "sd": self.sd}

    def qini(self) -> UpliftCurve:
        """Return the Qini curve of the effects; see `qini_curve`.

        Examples:
            >>> from omniltv.experiments.uplift import TLearner, Ridge
            >>> table = pd.DataFrame({"customer_id": range(80), "arm": ["a", "b"] * 40,
            ...                       "age": np.arange(80) % 7, "value": np.arange(80) % 2 * 5.0})
            >>> found = customer_effects(table, Assignment.from_frame(table), control="a",
            ...     baseline=Baseline(table, covariates="age"), learner=TLearner(Ridge()))
            >>> found.qini().gain[-1].round(6)
            np.float64(5.0)
        """
        own = self.sample
        return qini_curve(own.outcome, own.treated, self.effect, propensity=own.propensity)

    @property
    def scores(self) -> Matrix:
        """Doubly robust scores of the outcome without and with the treatment, (n_customers, 2).

        The mean over any group of customers that was known before the treatment has the
        expectation of the outcome, whatever the learner is (Robins, Rotnitzky and Zhao 1994,
        JASA 89, 846-866).

        Examples:
            >>> from omniltv.experiments.uplift import TLearner, Ridge
            >>> table = pd.DataFrame({"customer_id": range(80), "arm": ["a", "b"] * 40,
            ...                       "age": np.arange(80) % 7, "value": np.arange(80) % 2 * 6.0})
            >>> found = customer_effects(table, Assignment.from_frame(table), control="a",
            ...     baseline=Baseline(table, covariates="age"), learner=TLearner(Ridge()))
            >>> found.scores.mean(axis=0).round(6).tolist()
            [0.0, 6.0]
        """
        own = self.sample
        expected = np.stack([self.base, self.base + self.effect], axis=1)
        return np.asarray(expected + _weights(own) * (own.outcome[:, None] - expected))

    def policy_value(
        self, *, cost: Finite, against: Against | None = None, level: Level = 0.95
    ) -> PolicyValue:
        """Return the outcome per customer, less costs, if effects above the cost are treated.

        The estimate is the mean of doubly robust scores. Effects come from other customers than
        those whose outcomes are averaged, so the estimate is not flattered by the choice.

        Args:
            cost: Cost of a treatment, in the unit of the outcome.
            against: Return the difference from treating nobody or everybody.
            level: Level of the interval.

        Examples:
            >>> from omniltv.experiments.uplift import TLearner, Ridge
            >>> table = pd.DataFrame({"customer_id": range(80), "arm": ["a", "b"] * 40,
            ...                       "age": np.arange(80) % 7, "value": np.arange(80) % 2 * 3.5})
            >>> found = customer_effects(table, Assignment.from_frame(table), control="a",
            ...     baseline=Baseline(table, covariates="age"), learner=TLearner(Ridge()))
            >>> round(found.policy_value(cost=1.0, against="nobody").estimate, 6)
            2.5
        """
        chosen = self.effect > cost
        net = self.scores - np.array([0.0, cost])
        row = np.arange(len(net))
        value = net[row, chosen.astype(np.intp)]
        if against is not None:
            value = value - net[:, int(against == "everybody")]
        weight = _weights(self.sample)[row, chosen.astype(np.intp)]
        return value_of_scores(value, weight, level)

    def cells(self, by: str | Sequence[str]) -> pd.DataFrame:
        """Return mean effects by groups, as `pool_effects` reads them.

        Args:
            by: Columns of the baseline's ``by`` whose combinations are the cells.

        Returns:
            The columns ``by``, ``estimate``, ``standard_error`` and ``control_mean``, from doubly
            robust scores; a cell without two customers of each arm has no estimate.

        Raises:
            ConfigError: If a column is not among the groups.

        Examples:
            >>> from omniltv.experiments.uplift import TLearner, Ridge
            >>> table = pd.DataFrame({"customer_id": range(80), "arm": ["a", "b"] * 40, "tier": "t",
            ...                       "age": np.arange(80) % 7, "value": np.arange(80) % 2 * 7.0})
            >>> found = customer_effects(table, Assignment.from_frame(table), control="a",
            ...     baseline=Baseline(table, covariates="age", by="tier"),
            ...     learner=TLearner(Ridge()))
            >>> found.cells("tier")["estimate"].round(6).tolist()
            [7.0]
        """
        names = [by] if isinstance(by, str) else list(by)
        unknown = [name for name in names if name not in self.groups]
        if unknown or not names:
            hint = f"Baseline(..., by={names or ['tier']!r})"
            raise ConfigError(f"no groups of {', '.join(unknown) or 'no column'}. Hint: {hint}")
        without, with_it = self.scores.T
        frame = pd.DataFrame({name: self.groups[name] for name in names}).assign(
            estimate=with_it - without, control_mean=without, treated=self.sample.treated
        )
        found = frame.groupby(names, sort=True).agg(
            estimate=("estimate", "mean"), standard_error=("estimate", "sem"),
            control_mean=("control_mean", "mean"), n=("treated", "size"), one=("treated", "sum"),
        )  # fmt: skip
        few = (found["one"] < 2) | (found["n"] - found["one"] < 2)
        found.loc[few, ["estimate", "standard_error"]] = np.nan
        return found.drop(columns=["n", "one"]).reset_index()

    def pooled(self, by: str | Sequence[str], *, seed: Seed = 0) -> PooledEffects:
        """Return mean effects by groups that borrow from each other; see `pool_effects`.

        ``pooled(...).effects("mail")`` is the table that plans of contacts read.

        Args:
            by: Columns of the baseline's ``by``, such as the tier and the channel.
            seed: Seed of the pooling.

        Raises:
            ConfigError: If a column is not among the groups.
            DataError: If the mean outcome of a cell is not positive.

        Examples:
            >>> from omniltv.experiments.uplift import TLearner, Ridge
            >>> table = pd.DataFrame({"customer_id": range(80), "arm": ["a", "b"] * 40, "tier": "t",
            ...                       "age": np.arange(80) % 7, "value": 9 + np.arange(80) % 4})
            >>> found = customer_effects(table, Assignment.from_frame(table), control="a",
            ...     baseline=Baseline(table, covariates="age", by="tier"),
            ...     learner=TLearner(Ridge()))
            >>> found.pooled("tier").effects("mail").columns.tolist()
            ['treatment', 'tier', 'effect', 'sd']
        """
        return pool_effects(self.cells(by), by=by, seed=seed)

    def predict(self, customers: IntoTable) -> pd.DataFrame:
        """Return effects of other customers, by the fit to the whole experiment.

        Args:
            customers: One row per customer: ``customer_id`` and the covariates.

        Returns:
            The columns ``customer_id``, ``effect`` and ``sd``.

        Raises:
            DataError: If a column is absent, or an id is missing.

        Examples:
            >>> from omniltv.experiments.uplift import TLearner, Ridge
            >>> table = pd.DataFrame({"customer_id": range(80), "arm": ["a", "b"] * 40,
            ...                       "age": np.arange(80) % 7, "value": np.arange(80) % 2 * 8.0})
            >>> found = customer_effects(table, Assignment.from_frame(table), control="a",
            ...     baseline=Baseline(table, covariates="age"), learner=TLearner(Ridge()))
            >>> found.predict(table.head(1))["effect"].round(6).tolist()
            [8.0]
        """
        table = collect(customers, _WHAT)
        ids = read_ids(table, "customer_id", _WHAT)
        columns = read_columns(table, self.coding.names, _WHAT, ids=ids)
        effect, sd = self.model.predict(self.coding.matrix(columns, len(ids)))
        known = {"customer_id": ids, "effect": effect, "sd": sd}
        return pd.DataFrame(known).infer_objects()

    def __repr__(self) -> str:
        mean = f"mean effect {self.effect.mean():.3g}"
        return f"CustomerEffects({len(self.effect):,} customers, {mean}, by {self.learner})"


@dataclass(frozen=True, eq=False)
class _TwoArms:
    """The two arms of an experiment.

    Attributes:
        customer_id: Customers of the two arms.
        treated: Whether each is in the treatment.
        outcome: Outcomes.
        propensity: Probability of the treatment.
        columns: Covariates.
        groups: Labels by column.
        findings: What the checks found.
        notes: What was assumed.
    """

    customer_id: Objects
    treated: Flags
    outcome: Vector
    propensity: Vector
    columns: CovariateColumns
    groups: Mapping[str, NDArray[np.str_]]
    findings: tuple[CheckFinding, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        outcome: IntoOutcome,
        assignment: Assignment,
        control: str,
        treatment: str | None,
        baseline: Baseline,
        despite: Sequence[str],
    ) -> "_TwoArms":
        """Return the customers of both arms, once the checks are passed."""
        wanted = as_outcome(outcome)
        if wanted.per is not None:
            raise ConfigError("a ratio has no effect by customer. Hint: an outcome without per=")
        arm = _treatment(assignment, control, treatment)
        columns = _covariates(assignment, baseline)
        numeric = [name for name, own in columns.items() if own.dtype.kind == "f"]
        own = replace(baseline, covariates=numeric)
        study = Study.read(assignment, control, own, 0.95)
        seen = ObservedOutcomes.read(wanted, assignment)
        seen.require_rows(assignment)
        chance = _propensity(study.facts, arm, control, baseline, assignment)
        handles = {"stratum"} | ({"confounding"} if baseline.propensity is not None else set())
        facts = seen.facts(study.facts, wanted, frozenset(handles))
        findings = Findings.of(facts, CHECKS, despite)
        if findings.withheld:
            stops = [str(one) for one in findings.found if one.check in findings.withheld]
            raise DataError("; ".join(stops), hint=f"despite={findings.withheld!r} goes on")
        findings.warn()
        pair = np.flatnonzero(np.isin(assignment.arm, [arm, control]))
        return cls(
            assignment.customer_id[pair],
            assignment.arm[pair] == arm,
            seen.values.sum(axis=1)[pair],
            chance[pair],
            {name: values[pair] for name, values in columns.items()},
            {name: values[pair] for name, values in study.facts.groups.items()},
            findings.found,
            (*study.remarks, *seen.notes()),
        )

    def sample(self) -> tuple[UpliftSample, Coding]:
        """Return what a learner sees, and how covariates were coded."""
        n = len(self.customer_id)
        if min(self.treated.sum(), n - self.treated.sum()) < _LEAST:
            raise DataError(
                f"an arm has fewer than {_LEAST} customers", column="arm", hint="more customers"
            )
        coding = Coding.of(self.columns)
        matrix = coding.matrix(self.columns, n)
        return UpliftSample(matrix, self.treated, self.outcome, self.propensity), coding


def _treatment(assignment: Assignment, control: str, treatment: str | None) -> str:
    others = [arm for arm in assignment.arms if arm != assignment.known_arm(control)]
    if treatment is None and len(others) == 1:
        return others[0]
    if treatment is None or assignment.known_arm(treatment) == control:
        hint = f"treatment={others[0]!r}" if others else "customers of two arms"
        raise ConfigError(f"which arm is the treatment? Hint: {hint}")
    return treatment


def _covariates(assignment: Assignment, baseline: Baseline) -> CovariateColumns:
    """Return the covariates of the assigned customers; missing without a row."""
    given = baseline.covariates
    names = [given] if isinstance(given, str) else list(given)
    if not names:
        raise ConfigError("no covariates. Hint: Baseline(..., covariates=['recency', 'channel'])")
    return _by_customer(assignment, baseline, names)


def _by_customer(
    assignment: Assignment, baseline: Baseline, names: Sequence[str]
) -> CovariateColumns:
    """Return columns of the baseline by assigned customer; missing without a row."""
    table = collect(baseline.table, BEFORE)
    ids = read_ids(table, "customer_id", BEFORE)
    place = assignment.rows_of(ids)
    return {
        name: np.where(place >= 0, own[place], "" if own.dtype.kind == "U" else np.nan)
        for name, own in read_columns(table, names, BEFORE, ids=ids).items()
    }


def _propensity(
    facts: StudyFacts, arm: str, control: str, baseline: Baseline, assignment: Assignment
) -> Vector:
    """Return the probability of the treatment among the two arms, for all customers."""
    if baseline.propensity is None:
        return _shares(facts, arm, control)
    read = _by_customer(assignment, baseline, [baseline.propensity])[baseline.propensity]
    if read.dtype.kind != "f":
        raise DataError("not a column of numbers", column=baseline.propensity)
    chance = read.astype(np.float64)
    bad = ~((chance > 0) & (chance < 1)) & np.isin(facts.arm, [arm, control])
    if bad.any():
        rows, hint = list(facts.customer_id[bad]), "leave out customers who could not be in both"
        raise DataError("not inside (0, 1)", column=baseline.propensity, rows=rows, hint=hint)
    return chance


def _shares(facts: StudyFacts, arm: str, control: str) -> Vector:
    """Return the share of the treated among both arms of each customer's stratum."""
    label = np.zeros(len(facts.arm), "U1") if facts.stratum is None else facts.stratum
    code = np.unique(label, return_inverse=True)[1]
    pair = np.isin(facts.arm, [arm, control])
    n, treated = (np.bincount(code, own) for own in (pair, facts.arm == arm))
    return np.asarray((treated / np.maximum(n, 1.0))[code], dtype=np.float64)


def _folds(ids: Objects, treated: Flags, seed: int) -> Places:
    """Return folds that depend on ids and arms, not on the order of rows."""
    salt = f"folds {seed}"
    side = np.where(treated, "treatment", "control")
    return (dealt(uniform(ids.tolist(), salt), side, salt) * _FOLDS).astype(np.intp)


def _part(sample: UpliftSample, rows: Places) -> UpliftSample:
    return UpliftSample(
        sample.covariates[rows],
        sample.treated[rows],
        sample.outcome[rows],
        sample.propensity[rows],
    )


def _base(sample: UpliftSample, rest: Places, here: Places) -> Vector:
    """Return the expected outcome without the treatment, by a ridge regression."""
    learnt = rest[~sample.treated[rest]]
    fit = Ridge().fit(sample.covariates[learnt], sample.outcome[learnt])
    return fit.predict(sample.covariates[here])


def _weights(sample: UpliftSample) -> Matrix:
    """Return one over the probability of the own arm, control first; 0 for the other arm."""
    chance, side = sample.propensity, sample.treated
    return np.stack([~side / (1.0 - chance), side / chance], axis=1)
