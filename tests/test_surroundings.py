"""A job without a locale, a home, rights or disk space works, or stops with an error of ours."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = """
import resource, signal, sys
from pathlib import Path
import pandas as pd
from omniltv.data import read_table
from omniltv.errors import StoreError
from omniltv.identity import IdentityStore, stitch
folder = Path(sys.argv[1])
names = {"source": ["ec", "店"], "record_id": ["1", "2"], "family_name": "山田"}
lists = pd.DataFrame({**names, "given_name": "花子", "phone": "090-1234-5678"})
"""

JOB = """
(folder / "sales.csv").write_text("会員番号,氏名\\n007,山田花子\\n", encoding="utf-8")
assert read_table(folder / "sales.csv")["氏名"].tolist() == ["山田花子"]
store = IdentityStore.create(folder / "store", stitch(lists))
store.update(lists.assign(email="hanako@example.com"))
assert IdentityStore(folder / "store").run == 2
assert IdentityStore(folder / "store").crosswalk.to_frame()["customer_id"].nunique() == 1
"""

FULL = """
store = IdentityStore.create(folder / "store", stitch(lists))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (512, resource.RLIM_INFINITY))
many = lists.assign(email="hanako@example.com")
for change in (lambda: store.update(many), lambda: store.rebuild(many)):
    try:
        change()
    except StoreError as error:
        assert "Hint:" in str(error) or error.hint, error
    else:
        raise AssertionError("written beyond the limit")
again = IdentityStore(folder / "store")
assert (again.run, len(again)) == (1, 2)
assert [entry.name for entry in (folder / "store").iterdir()] == ["v00000001"]
"""

READ_ONLY = """
store = IdentityStore.create(folder / "store", stitch(lists))
for path in (*(folder / "store").rglob("*"), folder / "store", folder):
    path.chmod(0o500 if path.is_dir() else 0o400)
assert len(IdentityStore(folder / "store")) == 2
for change in (
    lambda: store.update(lists.assign(email="hanako@example.com")),
    lambda: IdentityStore.create(folder / "another", stitch(lists)),
):
    try:
        change()
    except StoreError:
        continue
    raise AssertionError("written without permission")
"""


def run(folder: Path, code: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """Run a job in a process with changed variables; None removes one."""
    kept: dict[str, str | None] = {**os.environ, **changes}
    script = folder.with_name("job.py")
    script.write_text(SETUP + code, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(script), str(folder)],
        env={name: value for name, value in kept.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
    )


def test_locale_c_no_home_and_no_terminal(tmp_path: Path) -> None:
    inner = tmp_path / "job"
    inner.mkdir()
    done = run(inner, JOB, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", HOME=None,
               LANG=None, PYTHONIOENCODING="utf-8")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""


def test_a_full_disk_is_our_error_and_the_old_content_stays(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    inner = tmp_path / "job"
    inner.mkdir()
    done = run(inner, FULL)
    assert done.returncode == 0, done.stderr


def test_a_folder_that_cannot_be_written_is_our_error(tmp_path: Path) -> None:
    inner = tmp_path / "job"
    inner.mkdir(mode=0o500)
    if os.access(inner, os.W_OK):
        pytest.skip("nothing is refused to root")
    inner.chmod(0o700)
    try:
        done = run(inner, READ_ONLY)
    finally:
        for path in (inner, inner / "store", *(inner / "store").glob("v*")):
            path.chmod(0o700)
    assert done.returncode == 0, done.stderr
