"""The flags of the training commands, parsed into typed options.

Nothing heavy is imported here, so ``--help`` and invalid flags are answered at once.
"""
