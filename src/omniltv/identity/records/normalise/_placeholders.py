"""Words that stand for "no value" in a cell."""

__all__ = ["is_name_or_placeholder", "is_placeholder", "is_placeholder_for_name"]

_BRACKETS = "([{<#"
_WRAPPING = "()[]{}<>「」『』【】〈〉《》*#_-'\"|/\\=~.,:;!?、。・ー …"

# Words that stand for nothing, and nobody is called that.
_ENGLISH = (
    "n/a|n.a|xx|xxx|xxxx|empty|missing|undefined|unknown|dummy|anonymous|noname|no name|no data|"
    "no address|no email|no phone|not available|not applicable|not given|not provided|"
    "not specified|not known|withheld|redacted|deleted|tbd|tba|div/0"
)
_JAPANESE = (
    "不明|不詳|なし|無し|無|該当なし|該当無し|記載なし|回答なし|登録なし|登録無し|情報なし|"
    "入力なし|データなし|匿名|未登録|未入力|未記入|未設定|未定|未回答|無回答|回答しない|非公開|"
    "非表示|空白|空欄|削除|削除済|削除済み|退会|退会済|退会済み|テスト|てすと|ゲスト|ダミー|"
    "サンプル|その他|同上|名無し|無名"
)
_OTHERS = (
    "unbekannt|keine angabe|inconnu|non renseigné|desconocido|sconosciuto|미상|없음|未知|未填|无"
)
_WORDS = frozenset([*_ENGLISH.split("|"), *_JAPANESE.split("|"), *_OTHERS.split("|")])
# Words that stand for nothing in some lists, and that some people are called.
_DOUBTFUL = "na|nan|nat|none|null|nil|no|x|test|guest|sample|ref|value|name|num|blank|ナシ"
_NAMES_OR_WORDS = frozenset(_DOUBTFUL.split("|"))


def is_placeholder(folded: str) -> bool:
    """Return whether folded text stands for "no value" in a field that holds no names.

    Examples:
        >>> [is_placeholder(word) for word in ("#n/a", "(blank)", "---", "null", "登録なし", "1")]
        [True, True, True, True, True, False]
    """
    bare = folded.strip(_WRAPPING)
    return not bare or bare in _WORDS or bare in _NAMES_OR_WORDS


def is_placeholder_for_name(folded: str) -> bool:
    """Return whether folded text stands for "no value" in a field that holds names.

    Examples:
        >>> [is_placeholder_for_name(word) for word in ("n/a", "(null)", "null", "no")]
        [True, True, False, False]
    """
    bare = folded.strip(_WRAPPING)
    if not bare or bare in _WORDS:
        return True
    return folded[0] in _BRACKETS and bare in _NAMES_OR_WORDS


def is_name_or_placeholder(folded: str) -> bool:
    """Return whether folded text is a placeholder in some lists and a name in others."""
    return folded.strip(_WRAPPING) in _NAMES_OR_WORDS
