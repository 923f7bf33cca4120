"""Whenever a job is killed, the folder holds the state before or the one after, whole."""

import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow.parquet import read_table

from omniltv.data import simulate_retailer
from omniltv.errors import StoreError
from omniltv.identity import IdentityStore, stitch

pytestmark = pytest.mark.slow

PEOPLE = 1_500  # about 2,400 records
LATE = 100
MOMENTS = 20
PATIENCE = 300.0  # seconds
WRITING = 14  # of the calls that touch the folder: some files are there, others not yet


@dataclass(frozen=True)
class World:
    """A store, a change to it, and both states."""

    old: Path
    late: pd.DataFrame
    states: dict[int, dict[str, pa.Table]]
    seconds: float


def update(folder: Path, late: pd.DataFrame) -> None:
    IdentityStore(folder).update(late)


def forget(folder: Path, late: pd.DataFrame) -> None:
    IdentityStore(folder).forget(late[["source", "record_id"]])


def killed_at(step: int, change: Callable[..., None], folder: Path, late: pd.DataFrame) -> None:
    """Change the store, and be killed before its step-th call that touches the folder."""
    calls = 0

    def count(_: str, args: tuple[object, ...]) -> None:
        nonlocal calls
        if any(str(folder) in str(arg) for arg in args):
            calls += 1
            if calls == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    change(folder, late)


def whole_state(folder: Path) -> tuple[int, dict[str, pa.Table]]:
    """Return the run and all that is stored of it, but for when it was.

    The manifest has checksums of files with times; opening the store compares them.
    """
    run = IdentityStore(folder).run
    tables: dict[str, pa.Table] = {}
    for path in (folder / f"v{run:08d}").iterdir():
        if path.name == "manifest.json":
            continue
        is_table = path.suffix == ".parquet"
        tables[path.stem] = (
            read_table(path) if is_table else pa.table({"": [path.read_text("utf-8")]})
        )
    tables["audit"] = tables["audit"].drop_columns(["time"])
    return run, tables


@pytest.fixture(scope="module")
def processes() -> Iterator[ForkServerContext]:
    """Processes that start with everything imported, and find this file."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["omniltv.identity", "pytest"])
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2]))
        yield context


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    where = tmp_path_factory.mktemp("interrupted")
    lists = simulate_retailer(PEOPLE, seed=8).records
    old, new, late = where / "old", where / "new", lists.iloc[:LATE]
    IdentityStore.create(old, stitch(lists.iloc[LATE:]))
    shutil.copytree(old, new)
    start = time.perf_counter()
    update(new, late)
    seconds = time.perf_counter() - start
    return World(old, late, dict(map(whole_state, (old, new))), seconds)


def _killed(
    processes: ForkServerContext,
    target: Callable[..., None],
    args: tuple[object, ...],
    after: float,
) -> bool:
    """Run a process and kill it after a time; return whether it was killed before its end."""
    process = processes.Process(target=target, args=args)
    process.start()
    process.join(after)
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def test_killed_at_random_moments(
    world: World, processes: ForkServerContext, tmp_path: Path
) -> None:
    rng, found = np.random.default_rng(1), []
    moments = rng.uniform(0, 1.5 * world.seconds + 0.5, MOMENTS)
    for moment in (*moments, PATIENCE):  # a machine that got busy meanwhile gets done, too
        folder = Path(shutil.copytree(world.old, tmp_path / f"{moment}"))
        _killed(processes, update, (folder, world.late), moment)
        run, tables = whole_state(folder)
        assert tables == world.states[run]
        found.append(run)
    assert set(found) == {1, 2}, "some came before the change, some after"


def test_killed_at_every_step_of_a_save(
    world: World, processes: ForkServerContext, tmp_path: Path
) -> None:
    found = []
    for step in range(1, 200):
        folder = Path(shutil.copytree(world.old, tmp_path / f"{step}"))
        if not _killed(processes, killed_at, (step, update, folder, world.late), 300):
            break
        run, tables = whole_state(folder)
        assert tables == world.states[run]
        found.append(run)
        assert len(list(folder.iterdir())) <= 2, "at most one unfinished version beside it"
    assert found == sorted(found)
    assert set(found) == {1, 2}
    assert len(found) > 20


def test_who_is_forgotten_is_forgotten_whenever_the_job_was_killed(
    world: World, processes: ForkServerContext, tmp_path: Path
) -> None:
    """What a killed update, and then a killed forgetting, leave is gone with the next opening."""
    went, gone = 0, world.late.iloc[:1]
    name = gone["record_id"].item().encode()
    for step in range(1, 200):
        folder = Path(shutil.copytree(world.old, tmp_path / f"{step}"))
        _killed(processes, killed_at, (WRITING, update, folder, world.late), 300)
        assert len(list(folder.iterdir())) == 2, "the update was being written"
        IdentityStore(folder).update(world.late)
        if not _killed(processes, killed_at, (step, forget, folder, gone), 300):
            break
        if IdentityStore(folder).run == 3:  # after the update, the forgetting
            went += 1
            assert [entry.name for entry in folder.iterdir()] == ["v00000003"]
            assert not any(name in path.read_bytes() for path in folder.rglob("*.*"))
    assert went > 3


def test_what_cannot_be_removed_is_told(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(world.old, tmp_path / "store"))
    store = IdentityStore(folder)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)  # as root nothing is refused
    with pytest.raises(StoreError, match=r"v00000001 in .* cannot be removed\. Hint"):
        store.forget(store.crosswalk.to_frame().iloc[:1])
