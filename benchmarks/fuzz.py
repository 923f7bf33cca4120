"""Fuzzing of normalisers, documents and saved files, guided by coverage; run by hand.

Atheris changes inputs so that they reach new lines of the library, and stops at the first
input that raises an error of another library, or takes more than a second. The input is then
written to a file named ``crash-...``; give it as an argument to run it again. Findings become
tests.

    uv run --with atheris python benchmarks/fuzz.py values --seconds 600
    uv run --with atheris python benchmarks/fuzz.py documents --seconds 600
    uv run --with atheris python benchmarks/fuzz.py files --seconds 600
"""

import argparse
import io
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from zipfile import ZipFile

import atheris

with atheris.instrument_imports(include=["omniltv"]):
    from omniltv.data import ColumnMap, Formats
    from omniltv.errors import OmniltvError
    from omniltv.identity.records import normalise
    from omniltv.models import BgNbd, Pooling, load_fit
    from omniltv.segmentation import Condition, TierScheme
    from omniltv.testing.value_laws import invented

MOST_SECONDS = 1.0
SCRATCH = Path(mkdtemp())

NORMALISERS: tuple[Callable[[str], object], ...] = (
    normalise.address,
    normalise.birth_date,
    normalise.card_number,
    normalise.email,
    normalise.gender,
    normalise.house,
    normalise.phone,
    normalise.plain,
    normalise.postcode,
    normalise.reading,
    normalise.sound,
    normalise.text,
    normalise.written_name,
)
DOCUMENTS: tuple[Callable[[str], object], ...] = (
    Condition.from_yaml,
    TierScheme.from_yaml,
    ColumnMap.from_yaml,
    Formats.from_yaml,
)


def values(data: bytes) -> None:
    """Normalise a text by every function."""
    given = atheris.FuzzedDataProvider(data).ConsumeUnicode(1_200)
    for function in NORMALISERS:
        function(given)


def documents(data: bytes) -> None:
    """Read a text as every kind of document."""
    text = data.decode("utf-8", "surrogateescape")
    for read in DOCUMENTS:
        allowed(read, text)


def files(data: bytes) -> None:
    """Load a fit whose checksum is right; the archive and its members are the input."""
    provider = atheris.FuzzedDataProvider(data)
    path = SCRATCH / "fit.npz"
    content = bytearray(FIT)
    for _ in range(provider.ConsumeIntInRange(1, 8)):
        place = provider.ConsumeIntInRange(0, len(content) - 65)
        piece = provider.ConsumeBytes(provider.ConsumeIntInRange(1, 8))
        content[place : place + len(piece)] = piece
    whole = bytes(content[:-64])
    path.write_bytes(whole + sha256(whole).hexdigest().encode())
    allowed(load_fit, path)


def allowed[Given](function: Callable[[Given], object], given: Given) -> None:
    """Call a function that may raise errors of omniltv only, within a second."""
    start = time.process_time()
    with suppress(OmniltvError):
        function(given)
    if time.process_time() - start > MOST_SECONDS:
        raise AssertionError("too slow")


def small_fit() -> bytes:
    """Return a saved fit whose header is most of it."""
    path = SCRATCH / "small.npz"
    invented(BgNbd(), Pooling.partial("channel"), customers=2, draws=2).purchases.save(path)
    assert ZipFile(io.BytesIO(path.read_bytes())).testzip() is None
    return path.read_bytes()


FIT = small_fit()
TARGETS = {"values": values, "documents": documents, "files": files}


def main() -> None:
    """Fuzz one kind of input; the process ends when the time is over or something is found."""
    parser = argparse.ArgumentParser(description="Fuzzing guided by coverage.")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("inputs", nargs="*", help="inputs to run again")
    options = parser.parse_args()
    limits = [f"-max_total_time={options.seconds}", "-max_len=1200", "-len_control=0"]
    atheris.Setup([sys.argv[0], *limits, *options.inputs], TARGETS[options.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
