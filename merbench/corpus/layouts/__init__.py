"""One file a layout that a corpus can be written in."""
