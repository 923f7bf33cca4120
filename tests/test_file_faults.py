"""No damaged file is opened as something else, and no error is foreign."""

import importlib
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture
def hunter(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    return importlib.import_module("file_faults")


def outcome(
    hunter: ModuleType, monkeypatch: pytest.MonkeyPatch, kinds: str, flips: int, others: int
) -> int:
    numbers = ["--flips", f"{flips}", "--cuts", f"{others}", "--swaps", f"{others}"]
    monkeypatch.setattr("sys.argv", ["hunter", "--check", *numbers, "--kinds", *kinds.split()])
    return int(hunter.main())


@pytest.mark.parametrize(("kinds", "flips"), [("fits", 150), ("documents", 60), ("store", 30)])
def test_damaged_files_are_refused(
    hunter: ModuleType, monkeypatch: pytest.MonkeyPatch, kinds: str, flips: int
) -> None:
    assert outcome(hunter, monkeypatch, kinds, flips, 15) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("kinds", "flips"), [("fits", 2_000), ("documents", 500), ("store", 400)])
def test_many_damaged_files_are_refused(
    hunter: ModuleType, monkeypatch: pytest.MonkeyPatch, kinds: str, flips: int
) -> None:
    assert outcome(hunter, monkeypatch, kinds, flips, 100) == 0


def test_readers_without_checks_are_found(hunter: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "number"
    path.write_text("1")
    rng = np.random.default_rng(1)
    seen = Counter(
        hunter.attempt(
            hunter.Kept("number", {path: ()}, opened, checked=True), "flip", path, "1", rng
        )
        for opened in (path.read_text, lambda: str(int(path.read_text())))
        for _ in range(40)
    )
    assert seen["wrong"] > 20
    assert seen["foreign"] > 10
