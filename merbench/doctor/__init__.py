"""The self-check: whether this machine and this installation can do the work."""
