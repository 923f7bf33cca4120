"""Full names split into family and given name."""

import re
from collections.abc import Iterable

from omniltv.data.text import text

__all__ = ["split_names"]

_FAMILY_FIRST = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")  # kana, kanji, hangul


def split_names(names: Iterable[object]) -> tuple[list[str | None], list[str | None]]:
    """Return family and given names; a name that cannot be split is a family name.

    In names with kanji, kana or hangul, and in names with a comma, the family name is first;
    in others it is last.

    Examples:
        >>> split_names(["山田　花子", "山田花子", "Ann B. Lee", "Lee, Ann", None])
        (['山田', '山田花子', 'Lee', 'Lee', None], ['花子', None, 'Ann B.', 'Ann', None])
    """
    pairs = [_split(text(name)) for name in names]
    return [family or None for family, _ in pairs], [given or None for _, given in pairs]


def _split(name: str) -> tuple[str, str]:
    if "," in name:
        family, _, given = name.partition(",")
        return family.strip(), given.strip()
    if _FAMILY_FIRST.search(name):
        family, _, given = name.partition(" ")
        return family, given
    given, _, family = name.rpartition(" ")
    return family, given
