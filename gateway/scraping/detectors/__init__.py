"""The detectors, one file each. `DETECTORS` is the inventory, in order of name."""

import sys
from typing import Any

from gateway.scraping.detector import Detector
from policies.registry import discover

DETECTORS: tuple[Detector[Any], ...] = tuple(kind() for kind in discover(sys.modules[__name__], Detector))
