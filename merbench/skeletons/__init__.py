"""Plug-ins to start from: each module here works as it stands, and `merbench new` renames it."""
