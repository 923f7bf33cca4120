import warnings
from dataclasses import replace

import pytest

from omniltv.errors import FitWarning
from omniltv.models import Diagnostics

SOUND = Diagnostics(
    rhat={"log_rate": 1.001, "log_shape": 1.004},
    ess_bulk={"log_rate": 900.0, "log_shape": 700.0},
    ess_tail={"log_rate": 800.0, "log_shape": 600.0},
    divergences=0,
    draws=2000,
    bfmi=0.9,
    steps=7.0,
    seconds=1.5,
)


def test_a_sound_posterior_gives_no_warning() -> None:
    assert SOUND.ok
    assert str(SOUND) == (
        "2,000 draws by NUTS in 1.5 s, R-hat at most 1.004, bulk ESS at least 700, "
        "0 divergences: no problem found"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SOUND.warn()


@pytest.mark.parametrize(
    ("unsound", "says"),
    [
        (replace(SOUND, rhat={"log_rate": 1.2, "log_shape": 1.0}), "R-hat log_rate 1.200"),
        (replace(SOUND, rhat={"log_rate": float("nan")}), "R-hat log_rate nan"),
        (replace(SOUND, ess_bulk={"log_rate": 30.0}), "bulk ESS log_rate 30"),
        (replace(SOUND, ess_tail={"log_shape": 30.0}), "tail ESS log_shape 30"),
        (replace(SOUND, divergences=40), "40 of 2000 transitions diverged"),
        (replace(SOUND, bfmi=0.1), "BFMI 0.10"),
    ],
)
def test_each_problem_is_named_with_advice(unsound: Diagnostics, says: str) -> None:
    assert not unsound.ok
    assert says in str(unsound)
    with pytest.warns(FitWarning, match="Hint: method=Sampling") as given:
        unsound.warn()
    assert says in str(given[0].message)


def test_problems_come_in_one_warning() -> None:
    with pytest.warns(FitWarning) as given:
        replace(SOUND, bfmi=0.1, divergences=40).warn()
    assert len(given) == 1
