"""Dates and amounts as people and programs write them, read column by column."""

from omniltv.data.spelling._shapes import Shapes, folded
from omniltv.data.spelling._words import LANGUAGES, month_names
from omniltv.data.spelling.formats import Formats

__all__ = ["LANGUAGES", "Formats", "Shapes", "folded", "month_names"]
