"""Schema inference: proposes a record schema for a table that has none.

Decides the kind of each column and which columns to leave out.
"""
