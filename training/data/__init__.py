"""Customer tables: files, descriptors, labels, checks, and the simulator.

Turns a file into valid, labelled customers, and keeps the rejected rows with their reasons.
"""

SIMULATED_ROWS = 10_000
"""Default number of simulated customers."""
