"""Text in one width and case, with modern characters and without placeholders."""

import unicodedata

from omniltv.data.text import key, text, written

__all__ = ["is_placeholder", "key", "one_digit_only", "plain", "text", "written"]

# Characters that NFKC leaves apart although one person writes both in one name.
_VARIANTS = str.maketrans(
    "髙﨑邊邉澤齋齊斎櫻廣濵濱嶋嶌冨國龍瀧眞惠壽榮彌與鐵圓寶曾德福隆祐禎黑靜萬藏槇橫郞朗神祥靖峯晄亙𠮷﨟礒冴羣",
    "高崎辺辺沢斉斉斉桜広浜浜島島富国竜滝真恵寿栄弥与鉄円宝曽徳福隆祐禎黒静万蔵槙横郎朗神祥靖峰晃亘吉臈磯冴群",
)
_LATIN_PLACEHOLDERS = (
    "- -- --- . x xx xxx ? ?? na n/a nan nat none null nil no unknown test dummy guest sample"
)
_JAPANESE_PLACEHOLDERS = (
    "不明 不詳 なし 無し 無 該当なし 記載なし 回答なし 匿名 未登録 未入力 未記入 未設定 未定 "
    "非公開 テスト てすと ゲスト その他 同上"
)
_PLACEHOLDERS = frozenset([*_LATIN_PLACEHOLDERS.split(" "), *_JAPANESE_PLACEHOLDERS.split(" ")])


def plain(value: object) -> str | None:
    """Return a value with one width, one case, new characters and no accents, or None.

    Examples:
        >>> plain("髙橋"), plain("José"), plain("不明"), plain(" ")
        ('高橋', 'jose', None, None)
    """
    folded = text(value).casefold()
    if not folded.isascii():
        folded = folded.translate(_FOLDED)
    return None if is_placeholder(folded) else folded


def is_placeholder(folded: str) -> bool:
    """Return whether folded text stands for "no value"."""
    return not folded or folded in _PLACEHOLDERS


def one_digit_only(digits: str) -> bool:
    """Return whether a number was typed only to fill the field (0000000, 1111111)."""
    return len(set(digits)) <= 1


class _Folded(dict[int, str]):
    """What each character is folded to, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        decomposed = unicodedata.normalize("NFD", character)
        # Only Latin letters lose their marks: in kana the mark is another sound.
        base = decomposed[0] if decomposed[0].isascii() else character
        self[code] = base.translate(_VARIANTS)
        return self[code]


_FOLDED = _Folded()
