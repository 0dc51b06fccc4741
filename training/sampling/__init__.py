"""Draws a sample of customers from a table that is larger than memory.

The table is read twice in batches: an overview counts its rows and labels and keeps some rows for
schema inference, then every row is checked and the sample is drawn.
"""
