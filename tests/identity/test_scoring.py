import numpy as np
import pytest
from numpy.typing import NDArray

from omniltv.identity.blocking import KeyBlocker
from omniltv.identity.comparisons import ValueComparison
from omniltv.identity.protocols import MISSING
from omniltv.identity.scoring import Graded, random_pairs, train

GIVEN = ValueComparison("given_name", "given_reading", coincidence=0.004)
BIRTH = ValueComparison("birth_date", "birth_date", coincidence=5e-5)
PHONE = ValueComparison("phone", "phone", shared=True)
EMAIL = ValueComparison("email", "email", shared=True)
FAMILY = ValueComparison("family_name", "family_reading", shared=True, coincidence=0.004)
COMPARISONS = (GIVEN, BIRTH, PHONE, EMAIL, FAMILY)
CHANCE = (0.004, 5e-5, 1e-6, 1e-6, 0.004)
MATCH = (0.93, 0.97, 0.6, 0.5, 0.95)
HOUSEHOLD = (0.004, 5e-5, 0.4, 0.15, 0.9)


def _levels(agree: tuple[float, ...], n: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Return 0 where a comparison agrees, 1 where not, a third of them missing."""
    levels = (rng.random((n, len(agree))) >= agree).astype(np.int8)
    return np.where(rng.random(levels.shape) < 0.3, np.int8(MISSING), levels)


def test_em_finds_match_and_household_probabilities_without_labels() -> None:
    rng = np.random.default_rng(1)
    blocks = []
    for rule in (2, 3):
        levels = np.concatenate(
            [_levels(MATCH, 6_000, rng), _levels(HOUSEHOLD, 4_000, rng), _levels(CHANCE, 300, rng)]
        )
        levels[:, rule] = 0
        blocks.append(levels)
    graded = Graded(COMPARISONS, np.concatenate(blocks))
    proposed = np.repeat(np.eye(2, dtype=bool), len(blocks[0]), axis=0)
    u = tuple(np.array([p, 1 - p]) for p in CHANCE)
    rules = [
        KeyBlocker("phone", ("phone",), ("phone",)),
        KeyBlocker("email", ("email",), ("email",)),
    ]
    classes = train(graded, proposed, u, rules)
    assert [level[0] for level in classes.m] == pytest.approx(MATCH, abs=0.03)
    assert [level[0] for level in classes.h] == pytest.approx(HOUSEHOLD, abs=0.03)


def test_a_rule_of_few_matches_teaches_nothing() -> None:
    rng = np.random.default_rng(2)
    graded = Graded(COMPARISONS, _levels(CHANCE, 5_000, rng))
    u = tuple(np.array([p, 1 - p]) for p in CHANCE)
    rule = KeyBlocker("loose", ("gender",))
    learnt = train(graded, np.ones((5_000, 1), dtype=bool), u, [rule])
    blank = train(graded, np.zeros((5_000, 1), dtype=bool), u, [rule])
    assert [level.tolist() for level in learnt.m] == [level.tolist() for level in blank.m]


@pytest.mark.parametrize("n", [0, 1, 2, 50, 5_000])
def test_random_pairs_are_pairs_and_repeat_with_the_seed(n: int) -> None:
    left, right = random_pairs(n, seed=3)
    assert (left < right).all()
    assert right.max(initial=0) < max(n, 1)
    assert np.array_equal(right, random_pairs(n, seed=3)[1])
    assert len(left) == min(n * (n - 1) // 2, 400_000)
