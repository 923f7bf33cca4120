"""The folder of a store: full disks, places that cannot be written, forged tables."""

import io
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow.parquet import read_table, write_table
from tests._work import no_hang

from omniltv.errors import StoreError
from omniltv.identity import IdentityStore, Resolution, stitch

LISTS = pd.DataFrame(
    {
        "source": ["ec", "ec", "shop"],
        "record_id": ["1", "2", "3"],
        "family_name": ["山田", "佐藤", "山田"],
        "email": ["a@example.com", "b@example.com", "a@example.com"],
    }
)


@pytest.fixture(scope="module")
def found() -> Resolution[pd.DataFrame]:
    return stitch(LISTS)


@pytest.fixture
def folder(found: Resolution[pd.DataFrame], tmp_path: Path) -> Path:
    IdentityStore.create(tmp_path / "store", found)
    return tmp_path / "store"


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow beyond 500 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_version_before(folder: Path) -> None:
    store = IdentityStore(folder)
    with full_disk(), pytest.raises(StoreError, match=r"cannot write to .*too large.*Hint"):
        store.update(LISTS.iloc[:1].assign(email="c@example.com"))
    assert [path.name for path in folder.iterdir()] == ["v00000001"]
    assert store.run == IdentityStore(folder).run == 1
    assert store.update(LISTS.iloc[:1].assign(email="c@example.com")).run == 2


def test_a_place_that_cannot_be_written(found: Resolution[pd.DataFrame], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    for place in (tmp_path / "file", tmp_path / "file" / "store"):
        with pytest.raises(StoreError, match=r"cannot write to .*Hint"):
            IdentityStore.create(place, found)
        with pytest.raises(StoreError, match=r"no identity store.*Hint"):
            IdentityStore(place)


def forge(folder: Path, name: str, content: bytes) -> None:
    """Replace a file of the store, with the right checksums, as an attacker would."""
    version = folder / "v00000001"
    (version / name).write_bytes(content)
    manifest = json.loads((version / "manifest.json").read_text())
    manifest["files"][name] = {"size": len(content), "sha256": sha256(content).hexdigest()}
    del manifest["sha256"]
    whole = sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    (version / "manifest.json").write_text(json.dumps(manifest | {"sha256": whole}))


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def test_e9_a_table_larger_than_its_file_can_be_is_refused(folder: Path) -> None:
    rows = pa.DictionaryArray.from_arrays(
        pa.repeat(pa.scalar(0, pa.int32()), 20_000_000), pa.array(["x" * 1_000])
    )
    forge(folder, "audit.parquet", parquet(pa.table({"source": rows})))
    with no_hang(), pytest.raises(StoreError, match="larger than its file can be"):
        IdentityStore(folder)


@pytest.mark.parametrize("name", ["records", "pairs", "decisions", "audit"])
@pytest.mark.parametrize("fault", ["other columns", "fewer rows", "no table", "other types"])
def test_forged_tables_are_refused(folder: Path, name: str, fault: str) -> None:
    intact = read_table(folder / "v00000001" / f"{name}.parquet")
    table = {
        "other columns": pa.table({"x": [1]}),
        "fewer rows": intact.slice(1),
        "no table": None,
        "other types": pa.table({column: [b"\xff"] for column in intact.column_names}),
    }[fault]
    forge(folder, f"{name}.parquet", b"" if table is None else parquet(table))
    if fault == "fewer rows" and name != "records":  # such a table may be right
        assert len(IdentityStore(folder)) == len(LISTS)
        return
    with pytest.raises(StoreError, match=r"damaged.*Hint|do not fit together.*Hint"):
        IdentityStore(folder)


def test_a_manifest_that_is_not_one(folder: Path) -> None:
    manifest = folder / "v00000001" / "manifest.json"
    for text in ("", "null", '"text"', "[" * 100_000, "{}", '{"version": true, "files": {}}'):
        manifest.write_text(text)
        with pytest.raises(StoreError, match=r"damaged.*Hint"):
            IdentityStore(folder)
