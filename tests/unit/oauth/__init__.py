"""Tests of gateway/oauth."""
