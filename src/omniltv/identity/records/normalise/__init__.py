"""Normalised field values: each function takes one raw value and returns text or None.

None means that there is no usable value: the cell is empty, holds a placeholder (不明, 0000000000,
1900-01-01), or cannot be read. The functions never raise, take time linear in the length of the
value, and read no value of more than 1,000 characters. The raw value stays in the caller's table.
"""

from omniltv.identity.records.normalise._address import address, house, postcode
from omniltv.identity.records.normalise._contact import card_number, email
from omniltv.identity.records.normalise._date import birth_date
from omniltv.identity.records.normalise._name import gender, reading, sound, written_name
from omniltv.identity.records.normalise._phone import is_fixed_line, phone
from omniltv.identity.records.normalise._spelling import Spelling
from omniltv.identity.records.normalise._text import key, plain, text, written
from omniltv.identity.records.normalise._variants import KANJI_VARIANTS

__all__ = [
    "KANJI_VARIANTS",
    "Spelling",
    "address",
    "birth_date",
    "card_number",
    "email",
    "gender",
    "house",
    "is_fixed_line",
    "key",
    "phone",
    "plain",
    "postcode",
    "reading",
    "sound",
    "text",
    "written",
    "written_name",
]
