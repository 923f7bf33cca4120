"""Pseudonymous customer lists: every value is a keyed hash, and lists can still be linked."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence

import numpy as np
from narwhals.typing import IntoFrameT

from omniltv._columns import require
from omniltv._frames import read_frame
from omniltv._options import checked
from omniltv.data.checking import refuse_nested
from omniltv.data.schemas import FIELDS, NORMAL_COLUMNS
from omniltv.errors import ConfigError, DataError
from omniltv.identity.records._codes import objects
from omniltv.identity.records.columns import MISSING, Column
from omniltv.identity.records.intake import Rows, normalise_records, rows_of
from omniltv.identity.records.masking import without_values
from omniltv.identity.records.normalise import Spelling
from omniltv.identity.records.own_columns import OwnColumn, own_values, with_own_columns

__all__ = ["pseudonymise"]

_SHORTEST_KEY = 16
_BYTES = 16


@checked
def pseudonymise(
    records: IntoFrameT,
    *,
    key: bytes,
    fields: Sequence[str] = FIELDS,
    spelling: Spelling | None = None,
    own: Sequence[OwnColumn] = (),
) -> IntoFrameT:
    """Return a customer list whose personal values are normalised and then hashed with a key.

    Parties who share the key get the same pseudonym for the same value in any spelling, and
    can link their lists with ``stitch(..., spec=LinkSpec(normalised=True))``. Similarity
    (misspellings, one character of a name) is lost. A pseudonym is the HMAC-SHA-256 (RFC 2104)
    of the field and the value, truncated to 128 bits. Guesses cannot be tested without the
    key, but the frequency of a value stays visible.

    Args:
        records: Customer lists as `stitch` reads them.
        key: At least 16 secret bytes, such as ``secrets.token_bytes(32)``.
        fields: The personal columns to keep; other columns are removed.
        spelling: How telephone numbers and e-mail addresses are read; the same for all parties.
        own: Columns of your own to keep as pseudonyms, the same for all parties.

    Returns:
        ``source`` and ``record_id`` as text, `NORMAL_COLUMNS`, and own columns: every row, in
        order.

    Raises:
        ConfigError: If the key is not bytes or is too short, or a field is unknown.
        DataError: If a key column, or every personal column, is missing, or a field has a list.

    Examples:
        >>> import pandas as pd
        >>> ours = pd.DataFrame({"source": ["ec"], "record_id": ["1"], "phone": ["090-1234-5678"]})
        >>> theirs = ours.assign(source="pos", phone="+81 90 1234 5678")
        >>> key = bytes(range(32))
        >>> ours, theirs = (pseudonymise(side, key=key) for side in (ours, theirs))
        >>> ours["phone"].item() == theirs["phone"].item()
        True
        >>> ours["phone"].item()
        'q_znCKoDC_fJWG26Mnp9Qw'
    """
    _check(key, fields)
    table, kind = read_frame(records, "records")
    require(table.columns, ["source", "record_id"], "records")
    names = [name for name in fields if name in table.columns]
    if not names and not own:
        raise DataError("no personal column", hint=f"add at least one of {', '.join(fields)}")
    refuse_nested(table, ("source", "record_id", *names))
    rows, n = rows_of(table, names), len(table)
    nothing, number = np.full(n, "", dtype=object), objects(f"{row:012d}" for row in range(n))
    every = Rows(nothing, number, rows.raw)
    normal, _ = normalise_records(every, spelling or Spelling())
    known = with_own_columns(without_values(normal, {}), own_values(table, own), every.order)
    keys = {"source": rows.source, "record_id": rows.record_id}
    data: dict[str, Sequence[object]] = {name: values.tolist() for name, values in keys.items()}
    for name in (*NORMAL_COLUMNS, *(column.name for column in own)):
        column = known.columns.get(name)
        data[name] = [None] * n if column is None else _hashed(column, name, key)
    return kind.build(data)


def _hashed(column: Column, name: str, key: bytes) -> list[str | None]:
    """Return the pseudonym of each record's value; family and given names have one domain."""
    domain = name.removeprefix("family_").removeprefix("given_")
    known = [_pseudonym(f"{domain}\0{value}", key) for value in column.values.tolist()]
    return [None if code == MISSING else known[code] for code in column.codes.tolist()]


def _pseudonym(message: str, key: bytes) -> str:
    digest = hmac.digest(key, message.encode("utf-8", "surrogatepass"), "sha256")
    return urlsafe_b64encode(digest[:_BYTES]).decode().rstrip("=")


def _check(key: bytes, fields: Sequence[str]) -> None:
    given: object = key
    if not isinstance(given, bytes) or len(given) < _SHORTEST_KEY:
        hint = "secrets.token_bytes(32), kept in a secret store"
        raise ConfigError(f"key is at least {_SHORTEST_KEY} bytes. Hint: {hint}")
    strange = [name for name in fields if name not in FIELDS]
    if strange:
        raise ConfigError(f"no such field: {', '.join(strange)}. Hint: {', '.join(FIELDS)}")
