"""Labels that became known after scoring, joined with the predictions of their time."""
