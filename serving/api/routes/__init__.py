"""The routes, one class for each group of them; they delegate to the other modules of the API."""
