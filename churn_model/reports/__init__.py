"""What the HTML reports have in common: style sheet, number formats and figures."""
