"""Customer classes over the whole funnel (S19), people who never bought included."""

import pandas as pd
import polars as pl
import pytest

from omniltv.data import PurchaseLog
from omniltv.errors import ConfigError
from omniltv.segmentation import Cut, TierScheme, transitions

PEOPLE = pd.DataFrame(
    {
        "customer_id": ["best", "buyer", "lapsed", "asked", "member", "browser", "visitor"],
        "known": [True, False, True, True, True, False, False],
        "interest": [5, 0, 9, 1, 0, 4, 0],
    }
)
LOG = PurchaseLog.from_frame(
    pd.DataFrame(
        {
            "customer_id": ["best", "best", "buyer", "lapsed"],
            "channel": ["ec", "store", "store", "ec"],
            "time": ["2025-03-01", "2026-06-30", "2026-01-01", "2025-12-31 23:59"],
            "value": [50.0, 60.0, 20.0, 500.0],
        }
    )
)
CLASSES = TierScheme.customer_classes(active_since="2026-01-01", best=Cut(amount=100))


def test_every_class_is_found_from_a_customer_table_and_a_log() -> None:
    tiering = CLASSES.assign(PEOPLE, LOG)
    expected = [
        *["best customer", "customer", "sleeping"],
        *["prospect", "pre-prospect", "pre-prospect", "internet user"],
    ]
    assert tiering.tier.tolist() == expected
    assert CLASSES.assign(pl.from_pandas(PEOPLE), LOG).tier.tolist() == expected


def test_best_customers_are_a_share_of_active_customers_and_not_of_visitors() -> None:
    n = 50
    ids = [f"c{k}" for k in range(n)]
    times = ["2026-05-01"] * 30 + ["2024-05-01"] * 20
    log = PurchaseLog.from_frame(
        pd.DataFrame({"customer_id": ids, "time": times, "value": [float(k + 1) for k in range(n)]})
    )
    crowd = pd.DataFrame({"customer_id": [*ids, *(f"v{k}" for k in range(900))]})
    people = crowd.assign(known=False, interest=0)
    tiering = TierScheme.customer_classes(active_since="2026-01-01").assign(people, log)
    counts = pd.Series(tiering.tier).value_counts().to_dict()
    assert counts == {"internet user": 900, "customer": 24, "sleeping": 20, "best customer": 6}
    assert set(tiering.customer_id[tiering.tier == "best customer"]) == set(ids[24:30])


def test_missing_entries_count_as_no() -> None:
    people = pl.DataFrame(
        {
            "customer_id": [1, 2],
            "realised_value": [0.0, 0.0],
            "purchases": pl.Series([None, None], dtype=pl.Int64),
            "last_purchase": pl.Series([None, None], dtype=pl.Datetime("us")),
            "known": [None, True],
            "interest": pl.Series([None, None], dtype=pl.Int64),
        }
    )
    assert CLASSES.assign(people).tier.tolist() == ["internet user", "pre-prospect"]


def test_classes_are_a_document_and_their_transitions_are_counted() -> None:
    assert TierScheme.from_yaml(CLASSES.to_yaml()) == CLASSES
    before = CLASSES.assign(PEOPLE, LOG.before("2026-06-30"))
    after = CLASSES.assign(PEOPLE, LOG)
    found = transitions(before, after, tiers=CLASSES.names, value="realised_value")
    assert found.nurtured("sleeping", "customer").customers == 1
    with pytest.raises(ConfigError, match="not a moment"):
        TierScheme.customer_classes(active_since="soon")
