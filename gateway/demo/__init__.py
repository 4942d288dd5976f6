"""The demo: the hub Hengtai Heavy Machinery, its data, its backend and the tour."""
