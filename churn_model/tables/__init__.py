"""Tables: descriptors, the parsing of cells of text (CSV), and typed columns (Parquet).

Training, batch scoring and the server use this package; a registered model does not contain it.
"""
