"""The gateway: exchange, OAuth, audit log, SLA meters, health and the two faces. `app.py` is the only wiring."""
