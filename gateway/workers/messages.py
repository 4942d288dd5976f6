"""What a worker and the process that started it tell each other: one JSON line each, over a socket of their own.

The worker talks; whoever started it says nothing and only ends, which is how the worker learns that nobody is there
any more who would start it again or stop it.
"""

import hashlib
from collections.abc import Mapping
from typing import TypeAlias

import msgspec
from msgspec import Struct

from contracts.plan import Contract


class Place(Struct, frozen=True):
    """What a worker is started with. `listening` and `starter` are inherited descriptors.

    `number` counts from 1. `redis_url` is where counters are shared, "" as the workspace's settings say. No secret is
    in it: it is an argument of a process, which others on the machine may read.
    """

    folder: str
    number: int
    workers: int
    listening: int
    starter: int
    redis_url: str


class Ready(Struct, frozen=True, tag="ready"):
    """The worker serves; `url` is the gateway's, `documents` stands for what is in force."""

    url: str
    documents: str


class Failed(Struct, frozen=True, tag="failed"):
    """The worker cannot start; `reason` is for the operator."""

    reason: str


class Reloaded(Struct, frozen=True, tag="reloaded"):
    """The documents were read again. `done` False: they have a mistake, and the old ones stay in force."""

    done: bool
    documents: str


Message: TypeAlias = Ready | Failed | Reloaded

_DECODER: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def line_of(message: Message) -> bytes:
    """The message as it is sent."""
    return msgspec.json.encode(message) + b"\n"


def message_of(line: bytes) -> Message | None:
    """The message that a line is; None for one that was cut off."""
    try:
        return _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def documents_of(contracts: Mapping[tuple[str, str], Contract]) -> str:
    """What stands for documents: two workers with the same have the same agreements in force, to the last byte."""
    hashes = sorted(contract.hash for contract in contracts.values())
    return hashlib.sha256("".join(hashes).encode()).hexdigest()
