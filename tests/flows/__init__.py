"""Whole journeys: several parts together, seen from outside."""
