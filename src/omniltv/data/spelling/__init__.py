"""Dates and amounts as people and programs write them, read column by column."""

from omniltv.data.spelling.formats import Formats

__all__ = ["Formats"]
