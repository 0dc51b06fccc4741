"""Monitoring of a version in production: drift, estimated and realised performance, and alarms."""
