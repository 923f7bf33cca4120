"""The quickstart on tables of one's own: what its exit code says, and what it writes."""

import runpy
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "quickstart.py"

type Run = Callable[[Path], "Done"]


class Done(NamedTuple):
    """What a run of the script left."""

    returncode: object
    stdout: str
    stderr: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the script in this process, without its imports anew."""

    def ran(data: Path) -> Done:
        out = data if data.is_dir() else data.parent
        monkeypatch.setattr(
            sys, "argv", [str(SCRIPT), "--data", str(data), "--out", str(out / "out")]
        )
        with warnings.catch_warnings(action="ignore"), pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        said = capsys.readouterr()
        code = ended.value.code
        return Done(1, said.out, str(code)) if isinstance(code, str) else Done(code, *said)

    return ran


def write(folder: Path, unknown: int) -> None:
    """Write two lists, and transactions of which some are of unknown records."""
    names = ["11", "12", "13"]
    phones = ["09012345678", "09087654321", "09011112222"]
    records = pd.DataFrame({"source": "pos", "record_id": names, "phone": phones})
    records.to_csv(folder / "records.csv", index=False)
    ids = [*names * 4, *["99"] * unknown]
    bought = pd.DataFrame({"source": "pos", "record_id": ids, "time": "2026-01-05", "value": 10})
    bought.to_csv(folder / "transactions.csv", index=False)


def test_a_job_that_would_lose_most_transactions_stops_with_code_4(
    run: Run, tmp_path: Path
) -> None:
    write(tmp_path, unknown=30)
    done = run(tmp_path)
    assert done.returncode == 4, done.stderr
    assert "30 of 42 rows set aside" in done.stderr
    rejected = pd.read_csv(tmp_path / "out" / "rejected_stopped.csv", dtype=str)
    assert rejected["record_id"].tolist() == ["99"] * 30
    intake = pd.read_csv(tmp_path / "out" / "intake.csv")
    assert intake[intake["step"] == "stopped"]["value"].tolist() == [420.0, 120.0, 300.0]


def test_a13_a_missing_file_is_named(run: Run, tmp_path: Path) -> None:
    write(tmp_path, unknown=0)
    (tmp_path / "transactions.csv").unlink()
    done = run(tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert f"no transactions in {tmp_path}" in done.stderr


def test_a5_dates_that_are_open_are_asked_for_by_the_option_of_the_script(
    run: Run, tmp_path: Path
) -> None:
    """Any headers, a semicolon, no list of customers: the columns are found, the dates are not."""
    path = tmp_path / "Umsatz.csv"
    rows = ["Kundennr;Order ID;Order Date;Qty;Unit Price"]
    rows += [f"{place};B{place};01/02/2025;2;1,50" for place in range(20)]
    path.write_text("\n".join(rows), "cp1252")
    path.with_suffix(".yaml").write_text(
        "table: transactions\n"
        "columns: {record_id: Kundennr, transaction_id: Order ID, time: Order Date, quantity: Qty,"
        " unit_price: Unit Price}\n"
        "constants: {source: shop}\n"
    )
    done = run(path)
    assert done.returncode == 1, done.stderr
    assert "always shop" in done.stdout
    assert "day or month first" in done.stderr
    assert "--dates dmy" in done.stderr
