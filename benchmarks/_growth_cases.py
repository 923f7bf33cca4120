"""Public functions over ordinary and adversarial input of any size, for `growth.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd

from omniltv.data import (
    ColumnMap,
    PurchaseHistory,
    PurchaseLog,
    Tolerance,
    check,
    profile,
    read_table,
    simulate_retailer,
)
from omniltv.draws import Draws
from omniltv.experiments import Assignment, assign, difference
from omniltv.identity import IdentityStore, profiles, stitch, timeline
from omniltv.identity.records import normalise
from omniltv.models import BgNbd, Pooling, fit, lifetime_value
from omniltv.segmentation import Condition, Cut, Tier, TierScheme
from omniltv.testing.value_laws import invented
from omniltv.units import Discount, weeks

__all__ = ["CASES", "Case"]

type Job = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """A function and one kind of input.

    Attributes:
        name: The function.
        kind: ``"ordinary"``, or what is adversarial about the input.
        build: Makes the input of a size, and returns the call to time.
        size: The smallest of the three sizes.
    """

    name: str
    kind: str
    build: Callable[[int], Job]
    size: int


def _records(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    number = np.arange(n)
    return pd.DataFrame(
        {
            "source": np.where(number % 2, "ec", "store"),
            "record_id": [f"r{k}" for k in number],
            "family_name": [f"Family{k // 2}" for k in number],
            "given_name": [f"Given{k // 2 % 977}" for k in number],
            "email": [f"mail{k // 2}@example.com" for k in number],
            "phone": [f"090{k // 2:08d}" for k in rng.permutation(number)],
        }
    )


def _purchases(n: int, customers: int | None = None) -> pd.DataFrame:
    number = np.arange(n)
    days = pd.to_timedelta(number * 7919 % 700, unit="D") + pd.to_timedelta(number % 1440, unit="m")
    return pd.DataFrame(
        {
            "customer_id": [f"c{k % (customers or max(1, n // 5))}" for k in number],
            "channel": np.where(number % 3, "ec", "store"),
            "time": pd.Timestamp("2024-01-01") + days,
            "value": 10.0 + number % 13,
            "transaction_id": [f"t{k}" for k in number],
        }
    )


def _refunds(n: int) -> pd.DataFrame:
    """Return purchases of one amount by one customer, and as many refunds of them."""
    table = _purchases(n, 1).sort_values("time", ignore_index=True)
    return table.assign(value=np.where(np.arange(n) % 2, -10.0, 10.0))


def _history(n: int) -> PurchaseHistory:
    rng = np.random.default_rng(2)
    x, T = rng.poisson(2.0, n), rng.uniform(20, 60, n)
    recency = np.where(x > 0, T * rng.uniform(0.1, 0.9, n), 0.0)
    mean = np.where(x > 0, 10 + rng.gamma(2, 5, n), np.nan)
    frame = pd.DataFrame({"frequency": x, "recency": recency, "T": T, "monetary_value": mean})
    frame.insert(0, "customer_id", [f"c{k}" for k in range(n)])
    return PurchaseHistory.from_frame(frame, unit="week")


def _value_table(n: int, *, tied: bool) -> pd.DataFrame:
    value = np.zeros(n) + 5.0 if tied else np.random.default_rng(3).gamma(2, 5, n)
    return pd.DataFrame({"customer_id": np.arange(n), "value": value, "age": np.arange(n) % 90})


ANY = Tolerance.anything()
SCHEME = TierScheme(
    tiers=(
        Tier(name="top", value_at_least=Cut(share=1.0), when=Condition.where("age", "ge", 30)),
        Tier(name="rest"),
    )
)


def _crosswalk(n: int) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": np.arange(n), "arm": np.where(np.arange(n) % 2, "a", "b")})


def _written(table: pd.DataFrame) -> Path:
    path = Path(mkdtemp()) / "export.csv"
    table.to_csv(path, index=False)
    return path


def _store(n: int) -> Job:
    lists = _records(n)
    store = IdentityStore.create(mkdtemp(), stitch(lists))
    return lambda: store.update(lists.iloc[:10])


def _scored(n: int) -> Job:
    made = invented(BgNbd(), Pooling.complete(), customers=10, draws=100)
    history = _history(n)
    terms = (made.purchases, made.spend, history)
    return lifetime_value(
        *terms, horizon=weeks(26), discount=Discount(per_year=0.1), seed=1
    ).to_frame


def _linked(n: int) -> Job:
    records = _records(n)
    found = stitch(records)
    keys = records[["source", "record_id"]]
    return lambda: (found.attach(keys), found.households(), profiles(found.crosswalk, records))


def _timeline(n: int, customers: int) -> Job:
    records = _records(customers)
    crosswalk = records[["source", "record_id"]].assign(customer_id=records["record_id"])
    events = records.iloc[np.arange(n) % customers][["source", "record_id"]]
    events = events.assign(time=pd.Timestamp("2024-01-01"), event="visit", channel="ec")
    return lambda: timeline(crosswalk, behaviour=events)


def _totals(n: int, groups: int) -> Job:
    draws = Draws.from_array(np.random.default_rng(4).normal(size=(n, 50)))
    by = np.arange(n) % groups
    return lambda: draws.total(by=by)


def _normalised(function: Callable[[str], object], unit: str) -> Callable[[int], Job]:
    """Return 200 calls on texts of a length, which differ in their last characters."""

    def build(n: int) -> Job:
        texts = [f"{(unit * n)[: n - 3]}{k:03d}" for k in range(200)]
        return lambda: [function(given) for given in texts]

    return build


def _ticketed(n: int) -> pd.DataFrame:
    return _purchases(n, 1).assign(transaction_id="t1", time=pd.Timestamp("2024-01-01"))


def _equal_records(n: int) -> pd.DataFrame:
    return _records(n).assign(
        family_name="Sato", given_name="Hana", email="a@b.example", phone="0312345678"
    )


def _chain(n: int) -> pd.DataFrame:
    """Return records that each share a field with the next one."""
    number = np.arange(n)
    return _records(n).assign(
        family_name="Sato",
        email=[f"m{k // 2}@example.com" for k in number],
        phone=[f"090{(k + 1) // 2:08d}" for k in number],
    )


def _scheme(n: int) -> str:
    tiers = [f"- {{name: t{k}, when: {{column: a, op: in, value: [1, 2, {k}]}}}}" for k in range(n)]
    return "\n".join(["tiers:", *tiers, "- name: rest"])


def _rows[T](function: Callable[[T], object], table: Callable[[int], T]) -> Callable[[int], Job]:
    def build(n: int) -> Job:
        given = table(n)
        return lambda: function(given)

    return build


def _tiered(table: pd.DataFrame) -> object:
    return SCHEME.assign(table)


def _log(table: pd.DataFrame) -> PurchaseLog[pd.DataFrame]:
    return PurchaseLog.from_frame(table)


def _on_log(
    function: Callable[[PurchaseLog[pd.DataFrame]], object], table: Callable[[int], pd.DataFrame]
) -> Callable[[int], Job]:
    def build(n: int) -> Job:
        log = _log(table(n))
        return lambda: function(log)

    return build


def _recognised(n: int) -> Job:
    frame = pd.DataFrame(
        columns=["customer_id", "time", "value", *(f"other {k}" for k in range(n))]
    )
    return lambda: ColumnMap.recognise(frame, "purchases")


def _condition(n: int) -> Job:
    text = f"{{column: a, op: in, value: [{', '.join(map(str, range(n)))}]}}"
    return lambda: Condition.from_yaml(text)


def _difference(n: int) -> Job:
    table = _crosswalk(n)
    arms = Assignment.from_frame(table)
    outcome = _value_table(n, tied=False)[["customer_id", "value"]]
    return lambda: difference(outcome, arms, control="a")


def _written_scheme(n: int) -> Job:
    text = _scheme(n)
    return lambda: TierScheme.from_yaml(text)


def _fitted(n: int) -> Job:
    history = _history(n)
    return lambda: fit(BgNbd(), history, seed=1, method="map")


def _assigned(n: int) -> Job:
    ids = list(range(n))
    return lambda: assign(ids, arms={"a": 0.5, "b": 0.5}, salt="s")


NORMALISERS: dict[str, tuple[Callable[[str], object], tuple[str, ...]]] = {
    "normalise.address": (normalise.address, ("千", "1-", "丁目", "ー", "10 High Street ", "第1")),
    "normalise.house": (normalise.house, ("1-", "東1", "イ", "a1")),
    "normalise.phone": (normalise.phone, ("0", "(0) ", "x1", "+", "内線")),
    "normalise.email": (normalise.email, ("@", "<@", " or a@b", "a;")),
    "normalise.birth_date": (normalise.birth_date, ("一", "1-", "昭和", "Jan ")),
    "normalise.card_number": (normalise.card_number, ("card ", "#", "1 ")),
    "normalise.written_name": (normalise.written_name, ("様", "株式会社", "Ltd. ", "́")),
    "normalise.sound": (normalise.sound, ("ー", "ou", "ッ", "aiueo-")),
    "normalise.postcode": (normalise.postcode, ("1", "〒", "- ")),
}

CASES: tuple[Case, ...] = (
    Case("check(records)", "ordinary", _rows(lambda t: check(t, "records"), _records), 20_000),
    Case(
        "check(records)",
        "one id",
        _rows(
            lambda t: check(t, "records", tolerance=ANY),
            lambda n: _records(n).assign(record_id="1"),
        ),
        20_000,
    ),
    Case(
        "check(purchases)", "ordinary", _rows(lambda t: check(t, "purchases"), _purchases), 20_000
    ),
    Case(
        "check(purchases)", "one order", _rows(lambda t: check(t, "purchases"), _ticketed), 20_000
    ),
    Case("profile", "ordinary", _rows(profile, _purchases), 20_000),
    Case("PurchaseLog.from_frame", "ordinary", _rows(_log, _purchases), 20_000),
    Case("PurchaseLog.from_frame", "refunds of one amount", _rows(_log, _refunds), 20_000),
    Case("PurchaseLog.from_frame", "one order", _rows(_log, _ticketed), 20_000),
    Case("log.history", "ordinary", _on_log(lambda g: g.history(unit="day"), _purchases), 50_000),
    Case(
        "log.history",
        "one customer",
        _on_log(lambda g: g.history(unit="day"), lambda n: _purchases(n, 1)),
        50_000,
    ),
    Case(
        "log.history",
        "every purchase a channel",
        _on_log(
            lambda g: g.history(unit="day", by="channel"),
            lambda n: _purchases(n).assign(channel=[f"ch{k}" for k in range(n)]),
        ),
        20_000,
    ),
    Case(
        "log.summary_by_customer",
        "ordinary",
        _on_log(lambda g: g.summary_by_customer(), _purchases),
        50_000,
    ),
    Case(
        "log.of_customers",
        "ordinary",
        _on_log(lambda g: g.of_customers(g.customer_id[::2]), _purchases),
        50_000,
    ),
    Case(
        "log.split",
        "ordinary",
        _on_log(lambda g: g.split(at="2025-01-01", unit="day"), _purchases),
        50_000,
    ),
    Case(
        "history.distinct",
        "ordinary",
        _rows(lambda t: _history(len(t)).distinct(), _records),
        50_000,
    ),
    Case("ColumnMap.recognise", "many headers", _recognised, 500),
    Case("read_table", "ordinary", _rows(read_table, lambda n: _written(_purchases(n))), 20_000),
    Case(
        "Condition.mask",
        "ordinary",
        _rows(
            Condition.where("age", "between", [3, 9]).mask, lambda n: _value_table(n, tied=False)
        ),
        400_000,
    ),
    Case("Condition.from_yaml", "many values", _condition, 2_000),
    Case(
        "TierScheme.from_yaml",
        "many tiers",
        _written_scheme,
        200,
    ),
    Case(
        "TierScheme.assign",
        "ordinary",
        _rows(_tiered, lambda n: _value_table(n, tied=False)),
        100_000,
    ),
    Case(
        "TierScheme.assign",
        "all tied",
        _rows(_tiered, lambda n: _value_table(n, tied=True)),
        100_000,
    ),
    Case("stitch", "ordinary", _rows(stitch, _records), 1_500),
    Case("stitch", "equal records", _rows(stitch, _equal_records), 3_000),
    Case("stitch", "one long chain", _rows(stitch, _chain), 1_500),
    Case("attach, households, profiles", "ordinary", _linked, 2_000),
    Case("timeline", "ordinary", lambda n: _timeline(n, n // 4), 20_000),
    Case("timeline", "one customer", lambda n: _timeline(n, 1), 20_000),
    Case("IdentityStore.update", "ten records", _store, 1_500),
    Case(
        "fit",
        "distinct states",
        _fitted,
        5_000,
    ),
    Case("lifetime_value", "distinct states", _scored, 1_000),
    Case("Draws.total", "three groups", lambda n: _totals(n, 3), 50_000),
    Case("Draws.total", "every row a group", lambda n: _totals(n, n), 20_000),
    Case(
        "assign",
        "ordinary",
        _assigned,
        50_000,
    ),
    Case("difference", "ordinary", _difference, 50_000),
    Case("simulate_retailer", "ordinary", lambda n: lambda: simulate_retailer(n, seed=1), 1_000),
    *(
        Case(name, repr(unit), _normalised(function, unit), 240)
        for name, (function, units) in NORMALISERS.items()
        for unit in units
    ),
)
