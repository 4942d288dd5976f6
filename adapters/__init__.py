"""Adapters: how a plan reaches a backend. One file per kind of backend; `base.py` is the port."""
