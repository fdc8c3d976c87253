"""An empty archive to work on: a catalog with its file, and a store."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from blink_archive.archive import feed, homescreen
from blink_archive.archive.catalog import Catalog
from blink_archive.archive.folder import Archive, create_archive
from blink_archive.archive.store import Store

from .helpers import ACCOUNT, NOW, make_home


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    root = tmp_path / "archive"
    return create_archive(root, root / "catalog.db", account_id=ACCOUNT, uuid="u-1", now=NOW)[0]


@pytest.fixture
def catalog(archive: Archive) -> Iterator[Catalog]:
    """The archive's catalog, open for writing, with a network, and the account of a run begun."""
    catalog = archive.open_catalog(write=True)
    homescreen.record_homescreen(catalog, make_home((41, "Front door")), now=NOW)
    feed.start_account(catalog)
    yield catalog
    catalog.close()


@pytest.fixture
def store(archive: Archive) -> Store:
    return archive.store


@pytest.fixture
def locked_down() -> Iterator[Path]:
    """An empty folder in which permissions count: a superuser becomes nobody for the test."""
    folder = Path(tempfile.mkdtemp(prefix="blink-archive-test-"))
    superuser = hasattr(os, "geteuid") and os.geteuid() == 0
    if superuser:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if superuser:
            os.seteuid(0)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o700)
        shutil.rmtree(folder)
