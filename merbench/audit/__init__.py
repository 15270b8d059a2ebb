"""The protocol audit: whether a method keeps the rules that make its scores comparable."""
