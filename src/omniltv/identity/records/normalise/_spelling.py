"""Settings of how values are read that depend on the country or the list."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from omniltv._config import Config

__all__ = ["DayOrder", "Spelling"]

type DayOrder = Literal["day first", "month first", "inferred"]
"""Which of day and month stands first in a date whose year stands last."""


class Spelling(Config):
    """How telephone numbers, e-mail addresses and dates are read.

    Attributes:
        phone_region: Country of numbers without a country code, as two letters of ISO 3166.
        drop_tags: Whether the part of a mailbox after a plus sign is dropped. It always is at
            Gmail; other hosts may give ``ann+shop@`` and ``ann@`` to two people.
        drop_dots: Whether dots in a mailbox are dropped. They always are at Gmail.
        date_order: Order of day and month in dates such as 01/02/1980. By default it is inferred
            from dates of the same source that show it (25/12/1980). If there are none, or if
            they contradict each other, such dates are not read.

    Examples:
        >>> Spelling(phone_region="US").drop_tags
        False
    """

    phone_region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "JP"
    drop_tags: bool = False
    drop_dots: bool = False
    date_order: DayOrder = "inferred"

    @field_validator("phone_region")
    @classmethod
    def _known(cls, region: str) -> str:
        if region != "JP":
            from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - slow to load, and Japan needs none

            if region not in SUPPORTED_REGIONS:
                raise ValueError(f"no such region: {region}. Hint: two letters as in JP, US, TW")
        return region
