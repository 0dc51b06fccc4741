"""Tables of strings, such as CSV files: their descriptors, and the parsing of their cells.

Training and batch scoring use this package; a registered model does not contain it.
"""
