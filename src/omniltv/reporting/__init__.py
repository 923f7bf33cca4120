"""Plots of values, lifts and model checks, with their intervals."""

from omniltv.reporting.plots import plot_intervals, plot_totals

__all__ = ["plot_intervals", "plot_totals"]
