"""Computation of lifetime value: draws per distinct state, simulated futures per row.

The results of a row depend only on the row, the fits and the seed. Each state is computed
independently of the others, and each row has its own stream of random numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from omniltv._columns import first_rows
from omniltv._streams import Streams
from omniltv.draws import Draws, Evaluate
from omniltv.models.posterior._ahead import AHEAD
from omniltv.models.posterior._interpolate import ByRows, over_draws
from omniltv.models.posterior.fits import ProbAlive, PurchaseFit, SpendFit
from omniltv.models.posterior.state_columns import purchase_state, spend_state
from omniltv.models.processes.protocols import Parameters, PurchaseState, SpendState
from omniltv.models.value._discounting import discounting
from omniltv.models.value._states import States
from omniltv.models.value._streams import RowNames

__all__ = ["Quantities", "ValueForecast"]

type _At = Callable[[NDArray[np.intp], slice], NDArray[np.float64]]
"""Returns the draws of some states, or rows, of shape (states, draws)."""

type _Span = Callable[[int, int, slice], NDArray[np.float64]]
"""Returns the draws of rows from one place to another in the customers' order."""

type _Per = Literal["_of_rows", "_of_customers"]

_PURCHASES_AT_ONCE = 2_000_000  # of a row; beyond that, it affects the result of a seed
_SOME_DRAWS = 8
_GRID = 401  # times at which the clock of a horizon is known


class Quantities(NamedTuple):
    """The forecasts of each row, or of each customer."""

    worth: Draws
    outcome: Draws
    prob_alive: ProbAlive
    purchases: Draws


class _Functions[Value](NamedTuple):
    """One value for each quantity, in the order of `Quantities`."""

    worth: Value
    outcome: Value
    prob_alive: Value
    purchases: Value


@dataclass(frozen=True, eq=False)
class _Lazy:
    """A function of a forecast by name, which other processes can receive."""

    forecast: "ValueForecast"
    kind: str
    quantity: str

    def __call__(self, states: slice, draws: slice) -> NDArray[np.float64]:
        functions: _Functions[Evaluate] = getattr(self.forecast, self.kind)
        evaluate: Evaluate = getattr(functions, self.quantity)
        return evaluate(states, draws)


@dataclass(frozen=True, eq=False)
class ValueForecast:
    """Draws of the future value of rows.

    Attributes:
        purchases: The purchase fit.
        spend: The spend fit, with as many draws; draws are paired.
        names: The customer and the group labels of each row.
        states: The distinct states of the rows.
        margin: Margin of each state, of shape (n_states,).
        cost: Discounted retention cost of each state, of shape (n_states,).
        horizon: Length of the forecast, in the unit of the purchase fit.
        whole: Whether the expected value has an infinite horizon.
        rate: Continuous discount rate per unit.
        seed: Seed of the simulated futures and of the model error.
        error: Factor of each channel in each draw, by which totals are multiplied, of shape
            (n_channels, n_draws); None without a model error.
        channel: Channel of each state, by position, of shape (n_states,).
    """

    purchases: PurchaseFit
    spend: SpendFit
    names: RowNames
    states: States
    margin: NDArray[np.float64]
    cost: NDArray[np.float64]
    horizon: float
    whole: bool
    rate: float
    seed: int
    error: NDArray[np.float64] | None
    channel: NDArray[np.intp]

    @property
    def n_draws(self) -> int:
        """Number of posterior draws, the same for both fits."""
        return self.purchases.n_draws

    @cached_property
    def customers(self) -> NDArray[np.intp]:
        """First row of the customer of each row, of shape (n_rows,)."""
        return first_rows(self.names.customer_id)[0]

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Rows sorted by customer, and within a customer by state."""
        return np.lexsort((self.states.index, self.customers))

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """First position of each customer in `order`, followed by the number of rows."""
        return np.flatnonzero(np.diff(self.customers[self.order], prepend=-1, append=-1))

    def __getstate__(self) -> dict[str, object]:
        """Return the fields, without what is computed from them, for other processes."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def per_row(self) -> Quantities:
        """Return the forecasts of each row."""
        n_rows, n_states = len(self.states.index), len(self.states.states)
        sizes = _Functions(n_states, n_rows, n_states, n_states)
        rows = _Functions(
            self.states.index, np.arange(n_rows), self.states.index, self.states.index
        )
        return self._quantities("_of_rows", rows, sizes)

    def per_customer(self) -> Quantities:
        """Return the forecasts of each customer over all rows, in order of first appearance."""
        n = len(self.starts) - 1
        index = np.arange(n)
        return self._quantities(
            "_of_customers", _Functions(index, index, index, index), _Functions(n, n, n, n)
        )

    def _quantities(
        self, kind: _Per, index: "_Functions[NDArray[np.intp]]", size: "_Functions[int]"
    ) -> Quantities:
        def amount(name: str, title: str) -> Draws:
            of = (getattr(index, name), getattr(size, name), self.n_draws, title)
            in_total = None if self.error is None else _Lazy(self, f"{kind}_in_total", name)
            return Draws(_Lazy(self, kind, name), *of, in_total=in_total)

        alive = _Lazy(self, kind, "prob_alive")
        return Quantities(
            amount("worth", "value"),
            amount("outcome", "value"),
            ProbAlive(alive, index.prob_alive, size.prob_alive, self.n_draws, "P(alive)"),
            amount("purchases", "expected purchases"),
        )

    @cached_property
    def _of_rows(self) -> "_Functions[Evaluate]":
        return self._by_rows(self._amounts)

    @cached_property
    def _of_rows_in_total(self) -> "_Functions[Evaluate]":
        return self._by_rows(self._with_error)

    @cached_property
    def _of_customers(self) -> "_Functions[Evaluate]":
        return self._by_customers(self._amounts)

    @cached_property
    def _of_customers_in_total(self) -> "_Functions[Evaluate]":
        return self._by_customers(self._with_error)

    @property
    def _amounts(self) -> "_Functions[_At]":
        return _Functions(self._worth, self._outcome, self._prob_alive, self._purchases)

    @property
    def _with_error(self) -> "_Functions[_At]":
        """The amounts as totals add them up: expected margins times the factors of channels."""

        def worth(states: NDArray[np.intp], draws: slice) -> NDArray[np.float64]:
            return self._times_error(self._worth(states, draws), states, draws, self.cost[states])

        def outcome(rows: NDArray[np.intp], draws: slice) -> NDArray[np.float64]:
            states = self.states.index[rows]
            return self._times_error(self._outcome(rows, draws), states, draws, self.cost[states])

        def purchases(states: NDArray[np.intp], draws: slice) -> NDArray[np.float64]:
            return self._times_error(self._purchases(states, draws), states, draws, np.zeros(1))

        return _Functions(worth, outcome, self._prob_alive, purchases)

    def _times_error(
        self,
        amounts: NDArray[np.float64],
        states: NDArray[np.intp],
        draws: slice,
        cost: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return amounts before a certain cost times the factors of their channels, less cost."""
        if self.error is None:
            return amounts
        factor = self.error[self.channel[states], draws]
        found = amounts * factor
        return found + cost[:, None] * (factor - 1) if cost.any() else found

    def _by_rows(self, amounts: "_Functions[_At]") -> "_Functions[Evaluate]":
        n_rows, n = len(self.states.index), len(self.states.states)

        def by_state(at: _At) -> Evaluate:
            return lambda states, draws: at(np.arange(*states.indices(n)), draws)

        def outcome(rows: slice, draws: slice) -> NDArray[np.float64]:
            return amounts.outcome(np.arange(*rows.indices(n_rows)), draws)

        return _Functions(
            by_state(amounts.worth),
            outcome,
            by_state(amounts.prob_alive),
            by_state(amounts.purchases),
        )

    def _by_customers(self, amounts: "_Functions[_At]") -> "_Functions[Evaluate]":
        n = len(self.starts) - 1

        def summed(span: _Span) -> Evaluate:
            def evaluate(customers: slice, draws: slice) -> NDArray[np.float64]:
                begin, end, _ = customers.indices(n)
                low, high = int(self.starts[begin]), int(self.starts[end])
                return np.add.reduceat(span(low, high, draws), self.starts[begin:end] - low)

            return evaluate

        def log_dead(low: int, high: int, draws: slice) -> NDArray[np.float64]:
            with np.errstate(divide="ignore"):
                return np.log1p(-self._in_order(amounts.prob_alive)(low, high, draws))

        def alive_anywhere(customers: slice, draws: slice) -> NDArray[np.float64]:
            return -np.expm1(summed(log_dead)(customers, draws))

        def outcome(low: int, high: int, draws: slice) -> NDArray[np.float64]:
            return amounts.outcome(self.order[low:high], draws)

        worth, count = (summed(self._in_order(at)) for at in (amounts.worth, amounts.purchases))
        return _Functions(worth, summed(outcome), alive_anywhere, count)

    def _in_order(self, at: _At) -> _Span:
        return lambda low, high, draws: at(self.states.index[self.order[low:high]], draws)

    def _prob_alive(self, states: NDArray[np.intp], draws: slice) -> NDArray[np.float64]:
        return self._bought(self._alive_of_states, states, draws)

    def _purchases(self, states: NDArray[np.intp], draws: slice) -> NDArray[np.float64]:
        return self._bought(self._purchases_of_states, states, draws)

    def _worth(self, states: NDArray[np.intp], draws: slice) -> NDArray[np.float64]:
        known = spend_state(self.states.states, states)
        spend = self.states.spending_cells.take(states).shared_parameters(draws)
        worth = self._bought(self._discounted_of_states, states, draws)
        worth *= self.spend.model.expected_value(spend, known)
        margin, cost = self.margin[states, None], self.cost[states, None]
        if (margin != 1).any():
            worth *= margin
        if cost.any():
            worth -= cost
        return worth

    def _bought(
        self, values: ByRows, states: NDArray[np.intp], draws: slice
    ) -> NDArray[np.float64]:
        """Return values that depend only on the purchase state, computed once for each."""
        distinct, back = np.unique(self.states.buying[states], return_inverse=True)
        found = values(distinct, draws)
        return found if np.array_equal(back, np.arange(len(distinct))) else found[back]

    @cached_property
    def _alive_of_states(self) -> ByRows:
        alive = self.purchases.model.prob_alive
        return self._of_states(lambda parameters, state, _: alive(parameters, state), most=1.0)

    @cached_property
    def _purchases_of_states(self) -> ByRows:
        expected = self.purchases.model.expected_purchases
        return self._of_states(
            lambda parameters, state, _: expected(parameters, state, parameters[AHEAD])
        )

    @cached_property
    def _discounted_of_states(self) -> ByRows:
        length = np.inf if self.whole else self.horizon
        discrete = self.purchases.model.discrete
        times, weights = discounting(length, self.rate, discrete=discrete)

        passed = self._passed(times)

        def discounted(
            parameters: Parameters, state: PurchaseState, rows: NDArray[np.intp]
        ) -> NDArray[np.float64]:
            horizon = times[:, None, None]
            if passed is not None:
                horizon = passed[self._clock_of[rows]].T[:, :, None] * parameters[AHEAD]
            expected = self.purchases.model.expected_purchases(parameters, state, horizon)
            return _weighted(weights, expected)

        return self._of_states(discounted)

    def _passed(self, times: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return the share of the operational horizon that has passed, (n_clocks, n_times).

        It is that of the mean clock: draws differ in the length of the horizon. None if all
        days count alike.
        """
        clock, scale = self.states.states.clock, self.purchases.unit.in_days
        return None if clock is None else clock.shape(times * scale, self.horizon * scale)

    @cached_property
    def _clock_of(self) -> NDArray[np.intp]:
        """The clock of each state, by position."""
        states = self.states.states
        if states.clock is None:
            return np.zeros(len(states), dtype=np.intp)
        return states.clock.codes(states.groups, len(states))

    @cached_property
    def _grid(self) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Times of the horizon, and the share that has passed until them on each clock."""
        times = np.linspace(0.0, self.horizon, _GRID)
        return times, self._passed(times)

    def _of_states(
        self,
        evaluate: Callable[[Parameters, PurchaseState, NDArray[np.intp]], NDArray[np.float64]],
        *,
        most: float = np.inf,
    ) -> ByRows:
        first = self.states.first

        def exact(parameters: Parameters, rows: NDArray[np.intp]) -> NDArray[np.float64]:
            state = purchase_state(self.states.states, first[rows])
            return evaluate(parameters, state, first[rows])

        cells = self.states.buying_cells.take(first)
        return over_draws(exact, cells, self.n_draws, within=(0.0, most))

    def _outcome(self, rows: NDArray[np.intp], draws: slice) -> NDArray[np.float64]:
        """Return one simulated future of each row under each draw, of shape (rows, draws)."""
        states = self.states.index[rows]
        buying = self.states.buying_cells.take(states).parameters()
        spending = self.states.spending_cells.take(states).parameters()
        own = (buying, spending)
        streams, counters = Streams(self.seed, "future"), self.names.counters(rows)
        steps = self._steps(states)
        brought = np.empty((len(rows), self.n_draws))
        for k, state in enumerate(states.tolist()):
            rng = streams.at(counters[k])
            for start in range(0, self.n_draws, steps[k]):
                some = slice(start, start + steps[k])
                bought, spent = ({name: of[k, some] for name, of in each.items()} for each in own)
                brought[k, some] = self._future(state, bought, spent, rng)
        brought *= self.margin[states, None]
        brought -= self.cost[states, None]
        return brought[:, draws]

    def _future(
        self, state: int, buying: Parameters, spending: Parameters, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return the discounted value of one simulated future per draw, of shape (draws,)."""
        n = len(next(iter(buying.values())))
        states = self.states.states
        x, recency, T, count, mean = (
            np.full(n, values[state])
            for values in (states.frequency, states.recency, states.T, *states.spending())
        )
        seen = PurchaseState(x.astype(np.float64), recency, T)
        length = buying[AHEAD]
        future = self.purchases.model.simulate_future(buying, seen, float(length.max()), rng)
        within = future.time <= length[future.row]
        row, time = future.row[within], future.time[within]
        time = self._wall(state, time / length[row], time)
        value = self.spend.model.simulate_future(spending, SpendState(count, mean), row, rng)
        return np.bincount(row, weights=value * np.exp(-self.rate * time), minlength=n)

    def _wall(
        self, state: int, share: NDArray[np.float64], times: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        grid, passed = self._grid
        return times if passed is None else np.interp(share, passed[self._clock_of[state]], grid)

    def _steps(self, states: NDArray[np.intp]) -> list[int]:
        """Return how many draws of each state to simulate at once, to limit memory."""
        some = slice(None, None, max(1, self.n_draws // _SOME_DRAWS))
        own = self.states.buying_cells.take(states).parameters(some)
        expected = self.purchases.model.expected_purchases(
            own,
            purchase_state(self.states.states, states),
            own[AHEAD],
        )
        per_draw = np.maximum(expected.mean(axis=1), 1.0)
        return [max(1, int(_PURCHASES_AT_ONCE / each)) for each in per_draw.tolist()]


def _weighted(weights: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted sum over the first axis.

    It is added term by term, because the rounding of BLAS depends on the shape.
    """
    total = np.zeros(values.shape[1:])
    for weight, value in zip(weights, values, strict=True):
        total += weight * value
    return total
