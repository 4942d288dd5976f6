"""What all tests share: where real data is, how hard hypothesis looks, and that long tests run only when asked for."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# Time limits per example fail on a busy machine and say nothing about the code; pytest-timeout guards against hanging.
settings.register_profile("house", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", parent=settings.get_profile("house"), max_examples=2000)
settings.register_profile("nightly", parent=settings.get_profile("house"), max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))


def pytest_configure(config: pytest.Config) -> None:
    """Leave out what is marked long unless a -m expression decides otherwise."""
    if not config.option.markexpr:
        config.option.markexpr = "not long"


@pytest.fixture(scope="session")
def testdata() -> Path:
    """The folder of real data that is not part of the repository; tests that need it are skipped without it."""
    folder = Path(os.environ.get("CLAUSEGATE_TESTDATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no folder of real data: name one with CLAUSEGATE_TESTDATA")
    return folder
