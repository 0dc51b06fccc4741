"""The inference log: what a version scored, as Parquet files of rows and of counts.

``log_format`` and ``identifiers`` are what writers and readers share.
"""
