"""Where a log is published, from what the settings say: a folder, or a bucket of an object store."""

from pathlib import Path

from gateway.tlog.target import Target

_S3 = "s3://"


class TargetError(Exception):
    """The setting `publish` names no place that can be published to; the text is for the operator."""


def open_target(published_at: str) -> Target:
    """The target at `Settings.published_at`: a path, or `s3://bucket/prefix` with AWS_* variables of the environment.

    Nothing is read or written yet, so a place that cannot be reached shows when it is used. Raises TargetError.
    """
    if published_at.startswith(_S3):
        # A hub that publishes to a folder need not load an object store's client.
        from gateway.tlog.object_target import open_object_target

        try:
            return open_object_target(published_at)
        except ValueError as error:
            raise TargetError(f"clausegate.toml, publish: {error}") from None
    if "://" in published_at:
        raise TargetError("clausegate.toml, publish: a folder, or s3://bucket/prefix; no other kind of URL is known")
    from gateway.tlog.local_target import LocalTarget

    return LocalTarget(Path(published_at))
