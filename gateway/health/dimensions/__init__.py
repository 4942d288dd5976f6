"""The dimensions of health, one file each. `DIMENSIONS` is the inventory, in order of name."""

import sys

from gateway.health.dimension import Dimension
from policies.registry import discover

DIMENSIONS: tuple[Dimension, ...] = tuple(kind() for kind in discover(sys.modules[__name__], Dimension))
