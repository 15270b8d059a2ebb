"""What may be claimed from confusion counts: intervals, tests, corrections, ranks.

Pure functions of arrays; nothing here reads a file or knows a method.
"""
