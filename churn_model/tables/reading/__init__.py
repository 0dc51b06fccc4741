"""Reads tables of any size in batches of Arrow columns, and checks their rows.

Batch scoring and monitoring use this package, which needs pyarrow.
"""
