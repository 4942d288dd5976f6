"""Data quality: what is measured on samples of the traffic, off the hot path."""
