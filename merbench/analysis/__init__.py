"""What a run says: values with intervals, contrasts, robustness, and the verdict in words."""
