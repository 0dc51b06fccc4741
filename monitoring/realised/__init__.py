"""Performance with labels: realised metrics per cohort, a test of the loss, and the verdict."""
