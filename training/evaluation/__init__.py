"""Evaluation: held-out metrics with intervals, slices, leakage alarms, economics and gates.

Also the selection of fit settings, and the comparison of a challenger with the champion.
"""
