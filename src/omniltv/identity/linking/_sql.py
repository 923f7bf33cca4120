"""Conditions on a pair of records in SQL: what the comparisons say to engines on a database.

The dialect is DuckDB's; the engine translates it. ``"<column>_l"`` and ``"<column>_r"``
are the values of the left and the right record, NULL where missing.
"""

__all__ = ["alike", "crossed", "known", "same", "slip"]

_ROUNDING = 1e-7


def same(column: str) -> str:
    """Return the condition that both have the same value."""
    return f"({left(column)} = {right(column)})"


def known(column: str) -> str:
    """Return the condition that both have a value."""
    return f"({left(column)} IS NOT NULL AND {right(column)} IS NOT NULL)"


def crossed(one: str, other: str) -> str:
    """Return the condition that two values have changed places."""
    here, there = (f"{left(a)} = {right(b)}" for a, b in ((one, other), (other, one)))
    return f"({here} AND {there} AND {left(one)} <> {right(one)})"


def alike(column: str, least: float) -> str:
    """Return the condition that the Jaro-Winkler similarity is at least so much."""
    similarity = f"jaro_winkler_similarity({left(column)}, {right(column)})"
    return f"({similarity} >= {least - _ROUNDING:.7f})"


def slip(column: str) -> str:
    """Return the condition that one wrong, lost or swapped character makes the difference."""
    return f"(damerau_levenshtein({left(column)}, {right(column)}) <= 1)"


def left(column: str) -> str:
    """Return the value of the left record."""
    return f'"{column}_l"'


def right(column: str) -> str:
    """Return the value of the right record."""
    return f'"{column}_r"'
