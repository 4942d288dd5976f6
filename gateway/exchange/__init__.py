"""The exchange: seven stages, one file each; `serve.py` is the table of contents."""
