"""Names of organisations: one abbreviation for each legal form."""

import re

__all__ = ["is_organisation", "with_short_form"]

_JAPANESE = {
    "株式会社": "(株)",
    "株式會社": "(株)",
    "有限会社": "(有)",
    "合同会社": "(同)",
    "合資会社": "(資)",
    "合名会社": "(名)",
    "一般社団法人": "(一社)",
    "公益社団法人": "(公社)",
    "一般財団法人": "(一財)",
    "公益財団法人": "(公財)",
    "社団法人": "(社)",
    "財団法人": "(財)",
    "社会福祉法人": "(福)",
    "特定非営利活動法人": "(特非)",
    "npo法人": "(特非)",
    "医療法人": "(医)",
    "学校法人": "(学)",
    "宗教法人": "(宗)",
    "独立行政法人": "(独)",
    "カブシキガイシャ": "(カ)",
    "カブシキカイシャ": "(カ)",
    "かぶしきがいしゃ": "(カ)",
    "ユウゲンガイシャ": "(ユ)",
    "ゆうげんがいしゃ": "(ユ)",
}
_LONG = re.compile("|".join(sorted(_JAPANESE, key=len, reverse=True)))
_SHORT = re.compile(rf"(?:{'|'.join(sorted({re.escape(form) for form in _JAPANESE.values()}))})")
# Bank transfers name the form as カ) before the name and as (カ after it.
_BANK = re.compile(r"^\(?([カユド])\)|\(([カユド])\)?$")
_BRACKETED = re.compile(r"[【\[]([株有])[】\]]")
_WORDS = {
    "limited": "ltd",
    "incorporated": "inc",
    "corporation": "corp",
    "company": "co",
    "proprietary": "pty",
    "kabushiki kaisha": "kk",
    "public limited company": "plc",
    "gesellschaft mit beschrankter haftung": "gmbh",
    "aktiengesellschaft": "ag",
    "societe anonyme": "sa",
    "and": "&",
    "und": "&",
    "et": "&",
}
_LONG_WORDS = re.compile(rf"\b(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})\b")
_LATIN_FORMS = "ltd inc corp llc llp plc gmbh sarl srl pty kk bv nv"
_FORMS = frozenset(_LATIN_FORMS.split(" "))
_DOTS = re.compile(r"[.,]+")


def with_short_form(folded: str) -> str:
    """Return the name of an organisation with the legal form in short; other names unchanged.

    The form keeps its place: a company whose form stands behind the name is another one.

    Examples:
        >>> {with_short_form(name) for name in ("株式会社山田商店", "(株) 山田商店")}
        {'(株)山田商店'}
        >>> with_short_form("acme widgets limited"), with_short_form("山田")
        ('acme widgets ltd', '山田')
    """
    if folded.isascii():
        return _latin(folded) if is_organisation(folded) else folded
    short = _LONG.sub(lambda form: _JAPANESE[form[0]], _BRACKETED.sub(r"(\1)", folded))
    short = _BANK.sub(lambda form: f"({form[1] or form[2]})", short)
    if not _SHORT.search(short):
        return folded
    return short.replace(" ", "")


def is_organisation(folded: str) -> bool:
    """Return whether a folded name has a legal form, at the end if it is in Latin letters.

    Examples:
        >>> [is_organisation(name) for name in ("acme co., ltd.", "(株)山田", "limited", "山田")]
        [True, True, False, False]
    """
    if not folded.isascii():
        forms = (_LONG, _SHORT, _BANK, _BRACKETED)
        return any(form.search(folded) for form in forms)
    words = _latin(folded).split()
    return len(words) > 1 and words[-1] in _FORMS


def _latin(folded: str) -> str:
    bare = _DOTS.sub(lambda dots: " " if "," in dots[0] else "", folded)
    return _LONG_WORDS.sub(lambda word: _WORDS[word[0]], bare)
