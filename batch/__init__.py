"""Batch scoring: scores whole tables, with Spark or streamed on one machine."""
