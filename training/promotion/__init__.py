"""Promotion: whether a challenger may become champion, judged on fresh labelled customers."""
