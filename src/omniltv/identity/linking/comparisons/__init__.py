"""Comparisons of two records: ordered levels of agreement, and a level for missing values."""

from omniltv.identity.linking.comparisons.birth_dates import BirthDateComparison
from omniltv.identity.linking.comparisons.coordinates import CoordinateComparison
from omniltv.identity.linking.comparisons.customer_fields import (
    DEFAULT_COMPARISONS,
    AddressComparison,
    NameComparison,
    ValueComparison,
)
from omniltv.identity.linking.comparisons.dates import DateComparison
from omniltv.identity.linking.comparisons.numbers import NumberComparison
from omniltv.identity.linking.comparisons.phones import PhoneComparison
from omniltv.identity.linking.comparisons.sets import SetComparison
from omniltv.identity.linking.comparisons.sharing import SharedUseComparison
from omniltv.identity.linking.comparisons.strings import StringComparison
from omniltv.identity.linking.comparisons.texts import TextComparison

__all__ = [
    "DEFAULT_COMPARISONS",
    "AddressComparison",
    "BirthDateComparison",
    "CoordinateComparison",
    "DateComparison",
    "NameComparison",
    "NumberComparison",
    "PhoneComparison",
    "SetComparison",
    "SharedUseComparison",
    "StringComparison",
    "TextComparison",
    "ValueComparison",
]
