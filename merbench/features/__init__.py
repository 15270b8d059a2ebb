"""Normalised features on a device: ragged tensors and the parts of a fold."""
