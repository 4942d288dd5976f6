"""What all tests share: where real data is, how hard hypothesis looks, that long tests run only when asked for, and
that nothing personal is on any log that they wrote."""

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Iterator
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
    """Leave out what is marked long or slow unless a -m expression decides otherwise."""
    if not config.option.markexpr:
        config.option.markexpr = "not long and not slow"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Of the processes that share a whole run each begins with other test files: what one has translated is read by
    the rest. Without it all translate all of them at the same moment, half a minute of each."""
    worker = getattr(session.config, "workerinput", None)
    if (
        worker is None
        or sys.dont_write_bytecode
        or session.config.args_source is not pytest.Config.ArgsSource.TESTPATHS
    ):
        return
    first = int(worker["workerid"].removeprefix("gw"))
    for file in sorted((ROOT / "tests").rglob("test_*.py"))[first :: worker["workercount"]]:
        with contextlib.suppress(Exception, pytest.skip.Exception):  # told when it is collected
            importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Ten thousand tests stay until the end: no use to look for garbage among them again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def no_personal_value_on_any_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After the last test: no leaf that any of them wrote holds a personal value of the demo's data."""
    yield
    folder = tmp_path_factory.getbasetemp()
    if not any(folder.rglob("*.seg")):
        return
    from tests.leaf_scan import PersonalValues, demo_values, scan

    leaks = scan(folder, PersonalValues(demo_values()))
    assert not leaks, f"personal values on the log, in {folder}: {leaks}"


@pytest.fixture(scope="session")
def testdata() -> Path:
    """The folder of real data that is not part of the repository; tests that need it are skipped without it."""
    folder = Path(os.environ.get("CLAUSEGATE_TESTDATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no folder of real data: name one with CLAUSEGATE_TESTDATA")
    return folder
