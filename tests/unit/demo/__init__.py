"""The demo's hub: its data, its backend, its documents."""
