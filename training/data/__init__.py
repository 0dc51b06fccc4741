"""Customer tables: files, descriptors, labels, and the simulator.

Everything that turns a file into checked, labelled customers.
"""

SIMULATED_ROWS = 10_000
"""How many customers the simulator draws by default."""
