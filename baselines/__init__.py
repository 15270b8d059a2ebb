"""The baselines of the field, one file each, registered like a third party's methods."""
