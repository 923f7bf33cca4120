"""The encoding and the delimiter of a text file, found from its bytes."""

import codecs
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

__all__ = ["contains", "delimiter_of", "encoding_of", "lines_of"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CANDIDATES = ("cp932", "euc_jp", "cp1252")
_ISO_2022 = (b"\x1b$B", b"\x1b$@")
_DELIMITERS, _BLANKS = ",\t;|", r"\s+"
_SAMPLE = 200_000  # bytes of lines that are not ASCII
_CHUNK = 1 << 20
_ROWS = 100
_FEW_LINES, _MOSTLY = 10, 0.9


def encoding_of(path: Path) -> str:
    """Return the encoding of a text file, as Python names it.

    A byte-order mark decides, then whether the whole file is UTF-8. Otherwise
    charset-normalizer chooses among the Japanese and the European encodings, from the lines
    that are not ASCII. If nearly all of these are UTF-8, the file is damaged UTF-8.
    """
    with path.open("rb") as file:
        start = file.read(_CHUNK)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    if marked is not None:
        return marked
    if b"\0" in start[:1_000]:
        return "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
    if any(mark in start for mark in _ISO_2022):
        return "iso2022_jp"
    return "utf-8" if _is_utf8(path) else _guessed(path)


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in _chunks(path):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def contains(path: Path, encoding: str, text: str) -> bool:
    r"""Return whether a file has some ASCII characters, each followed by the next.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "a.csv")
        ...     _ = path.write_text('id\n="007"\n', "utf-16")
        ...     contains(path, "utf-16", '="'), contains(path, "utf-16", "00:")
        (True, False)
    """
    name = "utf-16-le" if encoding == "utf-16" else encoding.removesuffix("-sig")
    wanted = {text.encode(name), text.encode("utf-16-be" if "16" in name else name)}
    tail = b""
    for chunk in _chunks(path):
        if any(sought in tail + chunk for sought in wanted):
            return True
        tail = chunk[-2 * len(text) :]
    return False


def lines_of(path: Path) -> int:
    r"""Return the number of line ends of a file, of any kind.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "a.csv")
        ...     _ = path.write_bytes(b"id\n1\n2\n")
        ...     lines_of(path)
        3
    """
    return sum(max(chunk.count(b"\n"), chunk.count(b"\r")) for chunk in _chunks(path))


def _guessed(path: Path) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415 - needed for few files

    sample = b""
    with path.open("rb") as file:
        for line in file:
            sample += b"" if line.isascii() else line
            if len(sample) > _SAMPLE:
                break
    if _mostly_utf8(sample.splitlines()):
        return "utf-8"
    best = from_bytes(sample, cp_isolation=[*_CANDIDATES]).best()
    return best.encoding if best is not None else _CANDIDATES[0]


def _mostly_utf8(lines: Sequence[bytes]) -> bool:
    good = sum(line.decode("utf-8", "replace").find("\ufffd") < 0 for line in lines)
    return len(lines) >= _FEW_LINES and good >= _MOSTLY * len(lines)


def delimiter_of(path: Path, encoding: str, skip_rows: int) -> str:
    r"""Return the delimiter that divides the first rows of a file most evenly.

    Blanks, as the expression ``\s+``, are it only if no other does and all rows are alike.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "a.csv")
        ...     _ = path.write_text("a;b\n1,5;2,5\n", "utf-8")
        ...     delimiter_of(path, "utf-8", 0)
        ';'
    """
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        lines = list(islice(file, skip_rows, skip_rows + _ROWS))
    scores = {mark: _evenness(lines, mark) for mark in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda mark: scores[mark])
    widths = {len(line.split()) for line in lines if line.strip()}
    return _BLANKS if scores[best][0] == 0 and len(widths) == 1 and min(widths) > 1 else best


def _evenness(lines: Sequence[str], delimiter: str) -> tuple[float, int]:
    """Return the share of rows with the usual number of fields, and this number."""
    widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
    if not widths:
        return 0.0, 0
    width, count = widths.most_common(1)[0]
    return (count / widths.total() if width > 1 else 0.0), width
