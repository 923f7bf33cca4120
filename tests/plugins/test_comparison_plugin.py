"""A comparison as a stranger would write it: put through the laws, then used."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from omniltv.identity import (
    MISSING,
    Comparison,
    LinkSpec,
    Pairs,
    Records,
    SqlComparison,
    stitch,
)
from omniltv.identity.linking.comparisons import DEFAULT_COMPARISONS
from omniltv.testing.identity_laws import COMPARISON_LAWS, SQL_LAWS, example_records

type Law = Callable[[Comparison, Records], None]


def _name(law: object) -> str:
    return str(getattr(law, "__name__", ""))


@dataclass(frozen=True)
class MailboxComparison:
    """Same name before the @, whatever the provider."""

    name: str = "mailbox"
    columns: tuple[str, ...] = ("mailbox",)
    levels: tuple[str, ...] = ("same", "different")
    agreement: int = 1
    shared: bool = True
    coincidence: float = 1e-4
    frequency: tuple[str | None, ...] = (None, None)

    def grade(self, pairs: Pairs) -> NDArray[np.int8]:
        conditions = [pairs.equal("mailbox"), pairs.known("mailbox")]
        return np.select(conditions, [0, 1], MISSING).astype(np.int8)


@pytest.mark.parametrize("law", COMPARISON_LAWS, ids=_name)
def test_it_keeps_the_laws(law: Law) -> None:
    law(MailboxComparison(), example_records())


def test_it_is_short() -> None:
    assert len(inspect.getsource(MailboxComparison).splitlines()) <= 20


def test_it_is_a_comparison_and_its_evidence_is_in_the_links() -> None:
    comparison: Comparison = MailboxComparison()
    lists = pd.DataFrame(
        {
            "source": ["ec", "app"],
            "record_id": ["1", "1"],
            "family_name": ["Tanaka", "Tanaka"],
            "given_name": ["Taro", "Taro"],
            "email": ["taro.tanaka@a.jp", "taro.tanaka@b.jp"],
            "phone": ["090-1234-5678", "090-1234-5678"],
        }
    )
    others = [each for each in DEFAULT_COMPARISONS if each.name != "email"]
    found = stitch(lists, spec=LinkSpec(comparisons=(*others, comparison)))
    assert (found.links["bits_mailbox"] > 0).all()
    assert found.why(("ec", "1"), ("app", "1")).levels["mailbox"] == "same"


@dataclass(frozen=True)
class _NeverMissing(MailboxComparison):
    def grade(self, pairs: Pairs) -> NDArray[np.int8]:
        return np.where(pairs.equal("mailbox"), 0, 1).astype(np.int8)


def test_the_laws_catch_a_missing_value_taken_for_disagreement() -> None:
    broken = [_name(law) for law in COMPARISON_LAWS if _breaks(law)]
    assert "nothing_to_compare_is_missing" in broken


def _breaks(law: Law) -> bool:
    try:
        law(_NeverMissing(), example_records())
    except AssertionError:
        return True
    return False


@dataclass(frozen=True)
class MailboxInSql(MailboxComparison):
    """The same, and what to ask a database for each level."""

    sql: tuple[str, ...] = (
        '"mailbox_l" = "mailbox_r"',
        '"mailbox_l" IS NOT NULL AND "mailbox_r" IS NOT NULL',
    )


@pytest.mark.parametrize("law", SQL_LAWS, ids=_name)
def test_its_sql_keeps_the_laws(law: Callable[[SqlComparison, Records], None]) -> None:
    law(MailboxInSql(), example_records())
    with pytest.raises(AssertionError, match="same level"):
        law(MailboxInSql(sql=('"mailbox_l" = "mailbox_r"', "TRUE")), example_records())
