"""How many cells a table in a file has, compared with what the file holds."""

from pathlib import Path

from omniltv.errors import DataError

__all__ = ["check_cells", "check_size"]

_FEW = 2**22  # cells that fit any memory
_BYTES = 8  # of a cell in memory, at least


def check_cells(file: Path, rows: int, columns: int, most: int) -> None:
    """Raise DataError if nearly all cells of a large table are empty.

    A few bytes can make such a table: one value far to the right, and many short rows.

    Args:
        file: The file.
        rows: Number of rows.
        columns: Number of columns.
        most: Number of cells that is usual for what the file holds.
    """
    cells = rows * columns
    if cells > max(_FEW, most):
        problem = f"{file} has {columns:,} columns, and nearly all of its cells are empty"
        raise DataError(problem, hint="remove values beside the table, or correct the headers")


def check_size(file: Path, rows: int, columns: int, max_bytes: int) -> None:
    """Raise DataError if the table that a file states is larger than allowed."""
    size = _BYTES * rows * columns
    if size > max_bytes:
        problem = f"{file} states {rows:,} rows and {columns:,} columns, over {max_bytes:,} bytes"
        raise DataError(problem, hint=f"divide it by month, or read_table(path, max_bytes={size})")
