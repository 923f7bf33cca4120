"""The log of a job: steps with rows and seconds, decisions, and nothing about anybody."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from omniltv.data import PurchaseLog
from omniltv.identity import BestFirstClusterer, IdentityStore, LinkSpec, ScoredPairs, stitch
from omniltv.models import BgNbd, GammaGamma, fit, lifetime_value, load_fit
from omniltv.segmentation import Condition, Cut, Tier, TierScheme
from omniltv.units import Discount, weeks

PEOPLE = 40
RATE = Discount(per_year=0.1)
MARK = "Qzx"  # in every value


@dataclass(frozen=True)
class Slow:
    """A clusterer that takes more than a second."""

    seconds: float = 1.05

    def cluster(
        self,
        pairs: ScoredPairs,
        *,
        n_records: int,
        links: NDArray[np.bool_],
        unique: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        time.sleep(self.seconds)
        plain = BestFirstClusterer()
        return plain.cluster(pairs, n_records=n_records, links=links, unique=unique)


def lists() -> pd.DataFrame:
    number = [f"{k:03d}" for k in range(PEOPLE)]
    return pd.DataFrame(
        {
            "source": [f"{MARK}shop", f"{MARK}web"] * (PEOPLE // 2),
            "record_id": [f"{MARK}{n}" for n in number],
            "family_name": [f"{MARK}ako{n[-2]}" for n in number],
            "email": [f"{MARK}{int(n) // 2}@example.com" for n in number],
        }
    )


def purchases(attached: pd.DataFrame) -> pd.DataFrame:
    times = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(len(attached)) % 90, unit="D")
    value = 10.0 + np.arange(len(attached)) % 7
    return attached.assign(time=times, value=value, channel=f"{MARK}channel")


def job(folder: Path) -> None:
    """Run everything that a nightly job runs."""
    found = stitch(lists(), spec=LinkSpec(clusterer=Slow()))
    store = IdentityStore.create(folder / f"{MARK}store", found)
    store.update(lists().iloc[:3])
    keys = lists()[["source", "record_id"]]
    log = PurchaseLog.from_frame(purchases(pd.concat([found.attach(keys).valid] * 6)))
    history = log.history(unit="week", end="2026-04-01")
    bought = fit(BgNbd(), history, seed=1, method="map")
    spent = fit(GammaGamma(), history, seed=1, method="map")
    bought.save(folder / "fit.npz")
    assert load_fit(folder / "fit.npz").n_draws == 1
    value = lifetime_value(bought, spent, history, horizon=weeks(9), discount=RATE, seed=1)
    best = Condition.where("customer_id", "ne", f"{MARK}9")
    scheme = TierScheme(
        tiers=(Tier(name=f"{MARK}top", value_at_least=Cut(share=0.1), when=best), Tier(name="b"))
    )
    assert len(scheme.assign(value).to_frame()) == len(history)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[logging.LogRecord]:
    """Return what a job logs."""
    logger = logging.getLogger("omniltv")
    found: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = found.append  # type: ignore[method-assign, assignment]
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        job(tmp_path_factory.mktemp("job"))
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
    return found


def test_every_room_speaks(lines: list[logging.LogRecord]) -> None:
    said = "\n".join(line.getMessage() for line in lines)
    for step in (
        f"pairs compared and scored: {PEOPLE} rows in, ",
        f"rows checked: {PEOPLE} rows in, {PEOPLE} rows out, ",
        "records normalised",
        "store written",
        "store read",
        "purchases read",
        "histories counted",
        "posterior approximated",
        "fit saved",
        "fit read",
        "draws computed",
        "tiers opened to customers",
    ):
        assert step in said


def test_only_slow_steps_are_at_info(lines: list[logging.LogRecord]) -> None:
    slow = [line.args for line in lines if line.levelno == logging.INFO]
    steps = {args[0]: args[3] for args in slow if isinstance(args, tuple) and len(args) == 4}
    assert "pairs clustered" in steps
    assert all(isinstance(seconds, float) and seconds >= 1 for seconds in steps.values())


def test_nothing_of_the_input_is_in_the_log(lines: list[logging.LogRecord]) -> None:
    said = [f"{line.getMessage()} {line.args}" for line in lines]
    assert len(said) > 20
    assert [line for line in said if MARK.lower() in line.lower()] == []


def test_a_long_step_says_now_and_then_that_it_runs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("omniltv._log._EVERY", 0.2)
    spec = LinkSpec(clusterer=Slow())
    with caplog.at_level(logging.INFO, logger="omniltv"):
        stitch(lists(), spec=spec)
    said = [line.getMessage() for line in caplog.records]
    assert sum(line.startswith("still running") and "pairs clustered" in line for line in said) >= 2


def test_nothing_is_said_unless_asked(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="omniltv"):
        stitch(lists())
    assert caplog.records == []
    assert logging.getLogger("omniltv").handlers == []
