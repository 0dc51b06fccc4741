"""An HTTP client for scoring servers. A registered model does not contain it."""

from churn_model.client.client import ChurnClient

__all__ = ["ChurnClient"]
