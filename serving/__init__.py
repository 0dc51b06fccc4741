"""The hardened HTTP server: MLflow's scoring protocol, and what a model API owes its callers."""
