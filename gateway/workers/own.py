"""What a worker has of its own: its writer's name, and the workspace's settings as they are for it."""

from msgspec.structs import replace

from gateway.settings import Settings
from gateway.workers.messages import Place


def writer_of(settings: Settings, number: int) -> str:
    """The name of a worker in the audit log."""
    return f"{settings.writer}-{number}"


def settings_of(settings: Settings, place: Place) -> Settings:
    """A workspace's settings as one of its workers has them.

    Trees are built by the first worker alone: the others would only stand by, and it is the last one to be stopped, so
    that its last step holds every record.
    """
    return replace(
        settings,
        writer=writer_of(settings, place.number),
        workers=place.workers,
        redis_url=place.redis_url or settings.redis_url,
        sequence=settings.sequence if place.number == 1 else "alone",
    )


def is_first(settings: Settings) -> bool:
    """Whether this process is the first worker, or the only one: the one that tells what all of them know."""
    return settings.workers == 1 or settings.writer.endswith("-1")
