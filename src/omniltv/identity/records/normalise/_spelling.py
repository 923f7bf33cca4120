"""What is a matter of the country, or of taste, in how a value is spelt."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["Spelling"]


class Spelling(BaseModel):
    """How telephone numbers and e-mail addresses are read.

    Attributes:
        phone_region: Country of numbers that name none, two letters of ISO 3166.
        drop_tags: Whether what follows a plus in a mailbox is dropped. At Gmail it always is;
            other hosts may give ``ann+shop@`` and ``ann@`` to two people.
        drop_dots: Whether dots in a mailbox are dropped. At Gmail they always are.

    Examples:
        >>> Spelling(phone_region="US").drop_tags
        False
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    phone_region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "JP"
    drop_tags: bool = False
    drop_dots: bool = False

    @field_validator("phone_region")
    @classmethod
    def _known(cls, region: str) -> str:
        if region != "JP":
            from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - slow to load, and Japan needs none

            if region not in SUPPORTED_REGIONS:
                raise ValueError(f"no such region: {region}. Hint: two letters as in JP, US, TW")
        return region
