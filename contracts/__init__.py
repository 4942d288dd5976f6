"""Contracts: the three documents, compiled once into plans that requests only execute."""
