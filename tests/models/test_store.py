import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from omniltv.data.history import PurchaseHistory
from omniltv.errors import StoreError
from omniltv.models import BgNbd, GammaGamma, PurchaseFit, SpendFit, load_fit
from omniltv.units import weeks


@dataclass(frozen=True)
class Renamed(BgNbd):
    name = "bg_nbd_of_a_stranger"


@dataclass(frozen=True)
class Raised(BgNbd):
    version = 2


@dataclass(frozen=True)
class Turned(BgNbd):
    coordinates = BgNbd.coordinates[::-1]


@pytest.fixture
def saved(purchase_fit: PurchaseFit, tmp_path: Path) -> Path:
    path = tmp_path / "purchases.npz"
    purchase_fit.save(path)
    return path


def test_a_purchase_fit_comes_back_exactly(
    saved: Path, purchase_fit: PurchaseFit, history: PurchaseHistory
) -> None:
    found = load_fit(saved, model=BgNbd())
    assert found.model == purchase_fit.model
    assert found.pooling == purchase_fit.pooling
    assert found.unit is purchase_fit.unit
    assert found.diagnostics == purchase_fit.diagnostics
    assert found.diagnostics.seconds == purchase_fit.diagnostics.seconds
    for name in ("coordinates", "mean", "spread", "new", "effects"):
        np.testing.assert_array_equal(getattr(found.draws, name), getattr(purchase_fit.draws, name))
    np.testing.assert_array_equal(
        found.expected_purchases(history, weeks(26)).to_array(),
        purchase_fit.expected_purchases(history, weeks(26)).to_array(),
    )


def test_a_spend_fit_comes_back_exactly(
    spend_fit: SpendFit, history: PurchaseHistory, tmp_path: Path
) -> None:
    spend_fit.save(tmp_path / "spend")
    found = load_fit(tmp_path / "spend")
    assert isinstance(found, SpendFit)
    assert found.draws.mean is None
    np.testing.assert_array_equal(
        found.expected_value(history).mean(), spend_fit.expected_value(history).mean()
    )


def test_saving_replaces_and_leaves_no_other_file(saved: Path, purchase_fit: PurchaseFit) -> None:
    purchase_fit.save(saved)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_failed_save_leaves_what_was_there(purchase_fit: PurchaseFit, tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    folder.mkdir()
    (folder / "inside").touch()
    with pytest.raises(StoreError, match="cannot write"):
        purchase_fit.save(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_save_into_no_folder_is_refused(purchase_fit: PurchaseFit, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot write"):
        purchase_fit.save(tmp_path / "nowhere" / "fit.npz")


def test_the_file_holds_no_pickle(saved: Path) -> None:
    with np.load(saved, allow_pickle=False) as content:
        assert all(content[name].dtype.kind in "fu" for name in content.files)


@pytest.mark.parametrize("other", [GammaGamma(), Renamed(), Raised(), Turned()])
def test_a_fit_of_another_model_is_refused(saved: Path, other: BgNbd | GammaGamma) -> None:
    with pytest.raises(StoreError, match="holds a fit of bg_nbd version 1"):
        load_fit(saved, model=other)


def test_a_model_of_a_stranger_is_handed_over(purchase_fit: PurchaseFit, tmp_path: Path) -> None:
    fit = PurchaseFit(
        Renamed(),
        purchase_fit.pooling,
        purchase_fit.draws,
        purchase_fit.diagnostics,
        purchase_fit.unit,
    )
    fit.save(tmp_path / "fit.npz")
    with pytest.raises(StoreError, match=r"Hint: load_fit\(path, model="):
        load_fit(tmp_path / "fit.npz")
    assert load_fit(tmp_path / "fit.npz", model=Renamed()).model == Renamed()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no saved fit at"):
        load_fit(tmp_path / "fit.npz")


@pytest.mark.parametrize("keep", [0, 1, 100, 3000, -1])
def test_a_truncated_file_is_refused(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(StoreError, match="damaged"):
        load_fit(saved)


@pytest.mark.parametrize("place", [200, 3000, 4500])
def test_a_flipped_bit_is_noticed(saved: Path, place: int) -> None:
    content = bytearray(saved.read_bytes())
    content[place] ^= 1
    saved.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        load_fit(saved)


def test_draws_of_another_fit_are_noticed(saved: Path) -> None:
    with np.load(saved) as content:
        arrays = {name: content[name] for name in content.files}
    arrays["coordinates"] = arrays["coordinates"] + 1e-9
    np.savez(saved, **arrays)
    with pytest.raises(StoreError, match="damaged"):
        load_fit(saved)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 1}', "customer_id,value"])
def test_an_alien_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "alien"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StoreError, match="damaged"):
        load_fit(path)
    np.savez(tmp_path / "alien.npz", header=np.frombuffer(text.encode(), dtype=np.uint8))
    with pytest.raises(StoreError, match="damaged"):
        load_fit(tmp_path / "alien.npz")


def test_alien_arrays_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.ones(3))
    np.savez(tmp_path / "other.npz", coordinates=np.ones(3))
    with ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    for name in ("one.npy", "other.npz", "zip"):
        with pytest.raises(StoreError, match="damaged"):
            load_fit(tmp_path / name)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(StoreError, match="damaged"):
        load_fit(tmp_path / "one.npy")


def test_a_later_format_is_named(saved: Path) -> None:
    start, seal, rest = saved.read_bytes().rpartition(b"omniltv ")
    _, _, digest = rest.rpartition(b" ")
    saved.write_bytes(start + seal + b"9.1 fit 99 " + digest)
    with pytest.raises(StoreError, match=r"format 99, written by omniltv 9\.1"):
        load_fit(saved)


FORECAST = """
import sys
import numpy as np
from omniltv.data.history import PurchaseHistory
from omniltv.models import load_fit
from omniltv.units import TimeUnit, weeks

rng = np.random.default_rng(0)
n = 10_000
T = rng.integers(10, 50, n).astype(float)
x = rng.poisson(1.5, n)
history = PurchaseHistory(
    customer_id=np.arange(n).astype(object),
    frequency=x,
    recency=np.where(x > 0, T - rng.integers(0, 10, n), 0.0),
    T=T,
    monetary_value=np.where(x > 0, 10.0, np.nan),
    unit=TimeUnit.WEEK,
    groups={"channel": np.where(np.arange(n) % 2, "ec", "store")},
)
mean = load_fit(sys.argv[1]).expected_purchases(history, weeks(52)).mean()
assert mean.shape == (n,) and (mean > 0).all()
heavy = {"pymc", "pytensor", "arviz", "nutpie", "numba", "recordlinkage", "matplotlib"}
print(sorted(heavy & set(sys.modules)))
"""


def test_a_saved_fit_forecasts_ten_thousand_customers_without_the_sampler(saved: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORECAST, str(saved)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"
