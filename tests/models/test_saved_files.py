"""Saved fits as files: bombs, forged archives, killed and simultaneous writers, full disks."""

import io
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
import pytest
from tests._work import no_hang

from omniltv.errors import StoreError
from omniltv.models import PurchaseFit, load_fit

ZEROS = 50_000_000


@pytest.fixture
def saved(purchase_fit: PurchaseFit, tmp_path: Path) -> Path:
    path = tmp_path / "fit.npz"
    purchase_fit.save(path)
    return path


def seal(content: bytes) -> bytes:
    """Return an archive that ends with the right checksum, as an attacker would write it."""
    return content[:-64] + sha256(content[:-64]).hexdigest().encode()


def forged(name: str, member: bytes, kind: int = ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", kind) as archive:
        archive.writestr(name, member)
        archive.comment = b"omniltv 0.1.0 fit 5 " + b"0" * 64
    return seal(buffer.getvalue())


def array(shape: str, data: bytes = b"") -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({shape}), }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + data


def declared(content: bytes, place: int, value: bytes) -> bytes:
    """Return an archive whose directory states another number."""
    at = content.rfind(b"PK\x01\x02") + place
    return seal(content[:at] + value + content[at + len(value) :])


PLAIN = forged("coordinates.npy", array("1,", b"\0" * 8))
FORGED: dict[str, Callable[[], bytes]] = {
    "compressed zeros": lambda: forged("mean.npy", b"\0" * ZEROS, ZIP_DEFLATED),
    "a huge shape": lambda: forged("coordinates.npy", array("9999999999999,")),
    "an overflowing shape": lambda: forged("coordinates.npy", array("4294967296, 4294967296")),
    "a pickle": lambda: forged("coordinates.npy", array("1,").replace(b"<f8", b"|O8")),
    "a nested shape": lambda: forged("coordinates.npy", array("(" * 5000)),
    "a foreign member": lambda: forged("../../etc/passwd", b"x"),
    "no header": lambda: PLAIN,
    "a huge declared size": lambda: declared(PLAIN, 24, b"\xf0\xff\xff\xff"),
    "an unknown compression": lambda: declared(PLAIN, 10, b"\x63\0"),
    "encrypted": lambda: declared(PLAIN, 8, b"\x01\0"),
    "a later version of the archive": lambda: declared(PLAIN, 6, b"\xff\0"),
    "a deep header": lambda: forged("header.npy", array("1,").replace(b"<f8", b"|u1") + b"["),
}


@pytest.mark.parametrize("name", FORGED)
def test_e9_a_forged_file_is_refused_at_once(name: str, tmp_path: Path) -> None:
    path = tmp_path / "fit.npz"
    path.write_bytes(FORGED[name]())
    tracemalloc.start()
    try:
        with no_hang(), pytest.raises(StoreError, match=r"damaged.*Hint"):
            load_fit(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_e9_a_file_of_many_gigabytes_is_not_read(saved: Path) -> None:
    with saved.open("r+b") as file:
        file.truncate(2**36)
    with no_hang(), pytest.raises(StoreError, match="more than"):
        load_fit(saved)
    with saved.open("r+b") as file:
        file.truncate(2**31)
    with no_hang(), pytest.raises(StoreError, match="damaged"):
        load_fit(saved)


def test_the_checksum_covers_the_header(saved: Path) -> None:
    content = saved.read_bytes()
    place = content.index(b'"by":["') + 7
    saved.write_bytes(content[:place] + b"X" + content[place + 1 :])
    with pytest.raises(StoreError, match="checksum"):
        load_fit(saved)


def test_e18_an_existing_file_keeps_its_mode(saved: Path, purchase_fit: PurchaseFit) -> None:
    saved.chmod(0o600)
    purchase_fit.save(saved)
    assert saved.stat().st_mode & 0o777 == 0o600


def test_e18_a_symbolic_link_is_followed(saved: Path, purchase_fit: PurchaseFit) -> None:
    link = saved.with_name("latest")
    link.symlink_to("fit.npz")
    before = saved.stat().st_ino
    purchase_fit.save(link)
    assert link.is_symlink()
    assert saved.stat().st_ino != before
    assert sorted(path.name for path in saved.parent.iterdir()) == ["fit.npz", "latest"]


def test_e18_file_and_folder_are_synced(
    saved: Path, purchase_fit: PurchaseFit, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    fsync = os.fsync

    def recorded(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink() == saved.parent)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", recorded)
    purchase_fit.save(saved)
    assert synced == [False, True]


def test_e18_simultaneous_writers_do_not_disturb_each_other(
    saved: Path, purchase_fit: PurchaseFit
) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(purchase_fit.save, saved) for _ in range(40)]:
            done.result()
            assert load_fit(saved).n_draws == purchase_fit.n_draws
    assert [path.name for path in saved.parent.iterdir()] == ["fit.npz"]


def test_only_regular_files_are_replaced(purchase_fit: PurchaseFit, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for target in (Path("/dev/null"), tmp_path / "pipe", tmp_path):
        with pytest.raises(StoreError, match=r"cannot write.*Hint"):
            purchase_fit.save(target)
    assert Path("/dev/null").is_char_device()


SAVE = """
import os, resource, signal, sys
from omniltv.errors import StoreError
from omniltv.models import load_fit

path = sys.argv[1]
fit = load_fit(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))
try:
    fit.save(path)
except StoreError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(sorted(os.listdir(os.path.dirname(path))))

def kill(event, args):
    if event == "os.rename":
        os.kill(os.getpid(), signal.SIGKILL)

sys.stdout.flush()
sys.addaudithook(kill)
fit.save(path)
"""


def test_e18_full_disks_and_killed_writers_leave_nothing(
    saved: Path, purchase_fit: PurchaseFit, tmp_path: Path
) -> None:
    before = saved.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", SAVE, str(saved)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"LC_ALL": "C", "HOME": str(saved), "PATH": ""},  # no home: it is a file
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    said, files = done.stdout.splitlines()
    assert said.startswith(f"cannot write the fit to {saved}: File too large. Hint:")
    assert files == "['fit.npz']"
    assert saved.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2, "what the killed writer left"
    purchase_fit.save(saved)
    assert [path.name for path in tmp_path.iterdir()] == ["fit.npz"]
    np.testing.assert_array_equal(load_fit(saved).draws.coordinates, purchase_fit.draws.coordinates)
