"""Tables of text, such as CSV files: how they are written, and how their cells are parsed.

Used by training and batch scoring; a registered model does not carry it.
"""
