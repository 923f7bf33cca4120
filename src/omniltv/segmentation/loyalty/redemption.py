"""When customers redeem points, learnt from the history of a ledger."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import logsumexp

from omniltv._arrays import Floats, Objects
from omniltv._columns import positions, require
from omniltv._frames import IntoTable, collect
from omniltv._options import UpToACentury, checked
from omniltv.errors import DataError
from omniltv.segmentation.loyalty._events import texts, times
from omniltv.segmentation.loyalty.ledger import Settlement
from omniltv.segmentation.loyalty.rules import Redemption

__all__ = ["RedemptionModel", "learn_redemption"]

_NODES = 21
_FEWEST = 20
_STEP = 0.02
_DAY = np.timedelta64(1, "D")


@checked
@dataclass(frozen=True, eq=False, repr=False)
class RedemptionModel:
    """The probability that a customer redeems at a purchase, and the share of the points.

    The log odds are ``a + b log(balance / minimum) + c soon`` plus a Normal effect of the customer
    with the standard deviation ``sigma``. ``soon`` is 1 if points of the customer expire soon.
    The share of the balance that is redeemed is drawn from the shares in the history.

    Attributes:
        parameters: a, b, c and the logarithm of sigma at the mode, of shape (4,).
        covariance: Their posterior covariance (Laplace), of shape (4, 4).
        shares: Shares of the balance that were redeemed, of shape (n_redemptions,).
        terms: The minimum and the step of redemptions.
        points_per_purchase: Mean points earned per purchase.
        n_occasions: Number of purchases with enough points.
        soon_days: Points expire soon if they do within so many days.

    Examples:
        >>> model = RedemptionModel(np.zeros(4), np.eye(4), np.ones(1), Redemption(), 1.0, 0)
        >>> model.log_odds(np.array([1.0, 2.0]), np.zeros(2)).tolist()
        [0.0, 0.0]
    """

    parameters: Floats
    covariance: Floats
    shares: Floats
    terms: Redemption
    points_per_purchase: float
    n_occasions: int
    soon_days: int = 60
    _seen: pd.DataFrame = field(repr=False, default_factory=pd.DataFrame)

    def __repr__(self) -> str:
        a, b, c, log_sigma = self.parameters.tolist()
        line = f"log odds {a:.2f} + {b:.2f} log(balance / minimum) + {c:.2f} soon"
        told = f"{line}, sd {np.exp(log_sigma):.2f}; {self.n_occasions:,} occasions"
        return f"{type(self).__name__}({told})"

    def log_odds(self, balance: Floats, soon: Floats, parameters: Floats | None = None) -> Floats:
        """Return the log odds of a redemption for a customer whose effect is 0.

        Args:
            balance: Points, of any shape.
            soon: Whether points expire soon, 0 or 1, of the same shape.
            parameters: Parameters, of shape (4,); those at the mode if None.

        Examples:
            >>> model = RedemptionModel(np.ones(4), np.eye(4), np.ones(1), Redemption(), 1.0, 0)
            >>> model.log_odds(np.array([1.0]), np.array([1.0])).tolist()
            [2.0]
        """
        a, b, c, _ = self.parameters if parameters is None else parameters
        ratio = np.maximum(balance, 1e-9) / self.terms.minimum
        return np.asarray(a + b * np.log(ratio) + c * soon)

    def effects(self, customers: Objects, parameters: Floats, rng: np.random.Generator) -> Floats:
        """Return a draw of the effect of each customer, given the history of that customer.

        Args:
            customers: Ids, of shape (n_customers,).
            parameters: Parameters, of shape (4,).
            rng: Random numbers.

        Examples:
            >>> model = RedemptionModel(np.zeros(4), np.eye(4), np.ones(1), Redemption(), 1.0, 0)
            >>> model.effects(np.array(["a"], dtype=object), np.zeros(4),
            ...               np.random.default_rng(1)).shape
            (1,)
        """
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        values = np.exp(parameters[3]) * nodes
        logs = np.tile(np.log(weights), (len(customers), 1))
        if len(self._seen):
            ids, found = _node_likelihood(self._seen, parameters, values, self.terms)
            place = positions(customers, ids)
            logs[place >= 0] += found[place[place >= 0]]
        chances = np.cumsum(np.exp(logs - logsumexp(logs, axis=1)[:, None]), axis=1)
        node = (rng.random(len(customers))[:, None] > chances).sum(axis=1)
        return np.asarray(values[np.minimum(node, _NODES - 1)], dtype=np.float64)


@checked
def learn_redemption(
    ledger: Settlement[IntoTable],
    purchases: IntoTable,
    *,
    terms: Redemption | None = None,
    soon_days: UpToACentury = 60,
) -> RedemptionModel:
    """Return a model of redemptions from a ledger and the purchases so far.

    At a purchase with at least the minimum of usable points, the customer redeems or not. A
    redemption belongs to the purchases of its day. Merged customers are one.

    Args:
        ledger: The ledger of the whole history.
        purchases: ``customer_id`` and ``time`` of the purchases; a time without an offset is in
            the time zone of the ledger.
        terms: The minimum and the step of redemptions.
        soon_days: Points expire soon if they do within so many days, as in reminders.

    Raises:
        DataError: If a column is missing, a time cannot be read, or there are fewer than 20
            purchases with enough points, or no redemption among them.

    Examples:
        >>> from omniltv.segmentation.loyalty import settle
        >>> days = pd.date_range("2026-01-01", periods=40).as_unit("us")
        >>> events = pd.DataFrame({
        ...     "event_id": range(40), "customer_id": "ann", "time": days,
        ...     "points": [9, 1, 1, 8] * 10, "kind": ["earn", "earn", "earn", "spend"] * 10})
        >>> bought = pd.DataFrame({"customer_id": "ann", "time": days})
        >>> learn_redemption(settle(events, at="2026-03-01"), bought).n_occasions
        39
    """
    terms = terms or Redemption()
    lots = collect(ledger.lots, "the lots").to_pandas()
    lots["lot"], lots["account"] = lots["lot"].astype(str), lots["account"].astype(str)
    moves = _moves(ledger, lots)
    bought = _bought(ledger, purchases, "the table of purchases")
    occasions = _occasions(moves, bought)
    occasions["soon"] = _soon(occasions, _waiting(lots, moves, soon_days))
    earned = moves.loc[moves["kind"] == "earn", "points"].sum() / max(len(bought), 1)
    seen = occasions[occasions["balance"] >= terms.minimum].reset_index(drop=True)
    redeemed = (seen["spent"] > 0).to_numpy()
    if len(seen) < _FEWEST or not redeemed.any():
        problem = f"{len(seen)} purchases with enough points, {int(redeemed.sum())} redemptions"
        hint = "a longer history"
        raise DataError(f"too little to learn from: {problem}", column="points", hint=hint)
    mode, covariance = _fitted(seen, terms)
    shares = (seen["spent"] / seen["balance"]).clip(upper=1.0).to_numpy(dtype=np.float64)[redeemed]
    return RedemptionModel(
        mode, covariance, shares, terms, float(earned), len(seen), soon_days, seen
    )


def _bought(ledger: Settlement[IntoTable], frame: IntoTable, what: str) -> pd.DataFrame:
    """Return accounts and times of the rows of a table."""
    table = collect(frame, what)
    require(table.columns, ("customer_id", "time"), what)
    account = ledger._account_ids(texts(table, "customer_id"))  # noqa: SLF001 - no part of the tables
    return pd.DataFrame({"customer_id": account, "time": times(table, "time", ledger.timezone)})


def _moves(ledger: Settlement[IntoTable], lots: pd.DataFrame) -> pd.DataFrame:
    """Return the movements with ``holder``, the account of the lot; pending ones when they end."""
    what = "the table of movements"
    table = collect(ledger.movements, what)
    lot = lots.set_index("lot").reindex(texts(table, "lot"))
    rows = _bought(ledger, ledger.movements, what)
    rows["time"] = np.maximum(rows["time"].to_numpy(), lot["valid_from"].to_numpy())
    points = np.asarray(table["points"].to_numpy(), dtype=np.int64)
    names = {"kind": texts(table, "kind"), "lot": texts(table, "lot")}
    return rows.assign(holder=lot["account"].to_numpy(), points=points, **names)


def _waiting(lots: pd.DataFrame, moves: pd.DataFrame, soon_days: int) -> pd.DataFrame:
    """Return the times at which points of each account expire soon: from and to."""
    last = moves.groupby("lot")["time"].max()
    end = lots["lot"].map(last).to_numpy().astype("datetime64[us]")
    end = np.where(lots["left"] > 0, np.datetime64("9999-01-01", "us"), end)
    until = lots["valid_until"].to_numpy().astype("datetime64[us]")
    first = lots["valid_from"].to_numpy().astype("datetime64[us]")
    start = np.maximum(first, until - soon_days * _DAY)
    table = pd.DataFrame({"customer_id": lots["account"], "time": start, "end": end})
    table = table[(table["end"] > table["time"]) & ~np.isnat(until)].sort_values("time")
    table["end"] = table.groupby("customer_id")["end"].cummax()
    return table


def _soon(occasions: pd.DataFrame, waiting: pd.DataFrame) -> Floats:
    """Return whether points expire soon at each occasion."""
    if not len(waiting):
        return np.zeros(len(occasions))
    rows = occasions.reset_index().sort_values("time")
    found = pd.merge_asof(rows, waiting, on="time", by="customer_id").sort_values("index")
    return np.where((found["end"] >= found["time"]).to_numpy(), 1.0, 0.0)


def _occasions(moves: pd.DataFrame, bought: pd.DataFrame) -> pd.DataFrame:
    """Return the days with purchases, with the balance before and the points spent on the day."""
    days = bought.assign(time=bought["time"].to_numpy().astype("datetime64[D]").astype("M8[us]"))
    days = days.drop_duplicates().sort_values("time", ignore_index=True)
    at = moves["time"].to_numpy().astype("datetime64[D]").astype("datetime64[us]")
    moves = moves.assign(time=at, spent=-moves["points"])
    spends = moves[moves["kind"] == "spend"]
    spent = spends.groupby(["customer_id", "time"], as_index=False)["spent"].sum()
    before = moves.groupby(["holder", "time"], as_index=False)[["points"]].sum()
    before["balance"] = before.groupby("holder")["points"].cumsum()
    before = before.rename(columns={"holder": "customer_id"})[["customer_id", "time", "balance"]]
    before = before.assign(time=before["time"] + _DAY).sort_values("time")
    found = pd.merge_asof(days, before, on="time", by="customer_id")
    found = found.merge(spent, on=["customer_id", "time"], how="left").fillna({"spent": 0})
    return found.fillna({"balance": 0})


def _node_likelihood(
    seen: pd.DataFrame, parameters: Floats, effects: Floats, terms: Redemption
) -> tuple[Objects, Floats]:
    """Return the customers, and the log-likelihood of each at each effect."""
    a, b, c, _ = parameters
    line = a + b * np.log(seen["balance"].to_numpy(dtype=np.float64) / terms.minimum)
    line += c * seen["soon"].to_numpy(dtype=np.float64)
    sign = np.where(seen["spent"] > 0, 1.0, -1.0)
    terms_by_node = -np.logaddexp(0.0, -sign[:, None] * (line[:, None] + effects))
    code, ids = pd.factorize(seen["customer_id"].to_numpy(dtype=object))
    found = np.zeros((len(ids), len(effects)))
    np.add.at(found, code, terms_by_node)
    return np.asarray(ids, dtype=object), found


def _fitted(seen: pd.DataFrame, terms: Redemption) -> tuple[Floats, Floats]:
    """Return the mode of the parameters and their covariance."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    log_weights = np.log(weights / weights.sum())

    def loss(parameters: Floats) -> float:
        effects = np.exp(parameters[3]) * nodes
        found = _node_likelihood(seen, parameters, effects, terms)[1]
        prior = (parameters / np.array([5.0, 5.0, 5.0, 1.5])) ** 2 / 2
        return float(-logsumexp(found + log_weights, axis=1).sum() + prior.sum())

    bounds = [(-20.0, 20.0)] * 3 + [(-4.0, 3.0)]
    best = minimize(loss, np.array([-1.0, 0.5, 0.0, 0.0]), method="L-BFGS-B", bounds=bounds)
    mode = np.asarray(best.x, dtype=np.float64)
    return mode, _covariance(loss, mode)


def _covariance(loss: Callable[[Floats], float], mode: Floats) -> Floats:
    """Return the inverse of the Hessian at the mode, by central differences."""
    size = len(mode)
    steps = np.eye(size) * _STEP
    hessian = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            signs = ((1, 1), (1, -1), (-1, 1), (-1, -1))
            corners = [s * t * loss(mode + s * steps[i] + t * steps[j]) for s, t in signs]
            hessian[i, j] = sum(corners) / (4 * _STEP**2)
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    return np.asarray((vectors / np.maximum(values, 1e-2)) @ vectors.T)
