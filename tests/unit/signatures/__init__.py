"""Tests of gateway/signatures."""
