"""The contact policy as a document: frequency caps, quiet hours and rests."""

from datetime import date, datetime, time
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from annotated_types import Interval
from pydantic import Field, model_validator

from omniltv._config import Written
from omniltv._options import checked
from omniltv.errors import DataError
from omniltv.segmentation.conditions._values import Name

__all__ = ["ContactPolicy", "FrequencyCap", "QuietHours"]

type QuietHour = Annotated[int, Interval(ge=0, le=23)]
type DayCount = Annotated[int, Field(ge=1, le=3_650, strict=True)]


class FrequencyCap(Written):
    """The largest number of contacts of a person in some days.

    Attributes:
        contacts: Number of contacts, the planned one included.
        days: Length of the window, the planned day included.
        channel: Channel whose contacts count; those of all channels if None.

    Examples:
        >>> FrequencyCap(contacts=2, days=7, channel="ec").contacts
        2
    """

    contacts: Annotated[int, Field(ge=0, strict=True)]
    days: DayCount
    channel: Name | None = None


@checked
class QuietHours(Written):
    """Hours in which nobody is contacted, in the time zone of the person.

    Attributes:
        start: First quiet hour, such as 21.
        end: First hour after the quiet hours, such as 8. It may be earlier than the start:
            the night is then quiet.

    Examples:
        >>> night = QuietHours(start=21, end=8)
        >>> night.allowed(7), night.allowed(23), night.allowed(12)
        (8, 20, 12)
    """

    start: QuietHour
    end: QuietHour

    @model_validator(mode="after")
    def _leave_time(self) -> Self:
        if self.start == self.end:
            raise ValueError("quiet hours from an hour to the same hour leave no time")
        return self

    def is_quiet(self, hour: QuietHour) -> bool:
        """Return whether an hour is quiet.

        Examples:
            >>> QuietHours(start=21, end=8).is_quiet(7)
            True
        """
        if self.start < self.end:
            return self.start <= hour < self.end
        return hour >= self.start or hour < self.end

    def allowed(self, hour: QuietHour) -> int:
        """Return the nearest hour of the same day that is not quiet; the later one of two.

        Examples:
            >>> QuietHours(start=12, end=14).allowed(13)
            14
        """
        open_hours = [each for each in range(24) if not self.is_quiet(each)]
        return min(open_hours, key=lambda each: (abs(each - hour), -each))


@checked
class ContactPolicy(Written):
    """What limits contacts, whatever a treatment is worth.

    A person is contacted on a channel only if the table of consents says so.

    Attributes:
        caps: Frequency caps; each of them holds.
        quiet: Quiet hours; none if None.
        rest_days: Days before a person gets the same treatment or campaign again, on any
            channel; a treatment may have its own.

    Examples:
        >>> policy = ContactPolicy.from_yaml("caps: [{contacts: 2, days: 7}]")
        >>> policy.caps[0].days, policy.rest_days
        (7, 28)
    """

    caps: tuple[FrequencyCap, ...] = ()
    quiet: QuietHours | None = None
    rest_days: Annotated[int, Field(ge=0, le=3_650, strict=True)] = 28

    def moment(self, on: date, hour: QuietHour, *, own: str | None, zone: str | None) -> datetime:
        """Return when to contact a person: the hour, moved out of the quiet hours.

        Args:
            on: The day.
            hour: Hour of the day in the time zone of the retailer.
            own: Time zone of the person; that of the retailer if None.
            zone: Time zone of the retailer; times are without a zone if both are None.

        Raises:
            DataError: If there is no such time zone.

        Examples:
            >>> policy = ContactPolicy(quiet=QuietHours(start=21, end=8))
            >>> at = policy.moment(date(2026, 3, 1), 10, own="Europe/Paris", zone="Asia/Tokyo")
            >>> at.isoformat()
            '2026-03-01T08:00:00+01:00'
        """
        moment = datetime.combine(on, time(hour), _zone(zone))
        if own is not None and zone is not None:
            moment = moment.astimezone(_zone(own))
        elif own is not None:
            moment = moment.replace(tzinfo=_zone(own))
        if self.quiet is None or not self.quiet.is_quiet(moment.hour):
            return moment
        allowed = self.quiet.allowed(moment.hour)
        return _existing(moment.replace(hour=allowed, minute=0))


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError) as error:
        problem = f"there is no time zone {name!r}"
        raise DataError(problem, column="time_zone", hint="a name such as Asia/Tokyo") from error


def _existing(moment: datetime) -> datetime:
    """Return a moment; one that clocks skip is the moment after."""
    if moment.tzinfo is None:
        return moment
    return moment.astimezone(ZoneInfo("UTC")).astimezone(moment.tzinfo)
