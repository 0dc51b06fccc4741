"""From a table of customers to a registered scorecard."""
