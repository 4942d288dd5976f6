"""The operator's log: what a process says of itself on standard error. No record of exchanges: that is the audit log.

A file of its own, so that commands that serve nothing start without what serving needs.
"""

import logging
import sys

import structlog


def configure_logging() -> None:
    """Events as JSON lines on standard error; on a terminal, for people."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
