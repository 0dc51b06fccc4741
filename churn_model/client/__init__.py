"""An HTTP client for any server of a churn model. A registered model does not carry it."""

from churn_model.client.client import ChurnClient

__all__ = ["ChurnClient"]
