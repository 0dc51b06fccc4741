"""The page at ``/``, with which retention teams look at customers (``churn serve --page``)."""
