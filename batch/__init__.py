"""Scoring whole tables: with Spark on a cluster, or streamed on one machine."""
