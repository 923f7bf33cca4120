"""Tiers: rules for one moment, and a memory that turns judgements into moves."""

__all__: list[str] = []
