"""Normalised field values: every function takes one raw value and returns text or None.

None means that there is no usable value: it is empty, a placeholder (不明, 0000000000,
1900-01-01 …) or unreadable. The raw value stays in the caller's table.
"""

from omniltv.identity.records.normalise._address import address, postcode
from omniltv.identity.records.normalise._contact import card_number, email, phone
from omniltv.identity.records.normalise._date import birth_date
from omniltv.identity.records.normalise._name import gender, reading, written_name
from omniltv.identity.records.normalise._spelling import Spelling
from omniltv.identity.records.normalise._text import key, plain, text, written

__all__ = [
    "Spelling",
    "address",
    "birth_date",
    "card_number",
    "email",
    "gender",
    "key",
    "phone",
    "plain",
    "postcode",
    "reading",
    "text",
    "written",
    "written_name",
]
