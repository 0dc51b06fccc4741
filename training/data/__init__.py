"""Customer tables: files, descriptors, labels, and the simulator.

Everything that turns a file into checked, labelled customers.
"""
