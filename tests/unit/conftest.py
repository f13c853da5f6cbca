"""A corpus of one test, and files to fill it from."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from training.corpus import Corpus, ImportReport

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path / "corpus")


@pytest.fixture
def add(corpus, tmp_path):
    """Imports a file with this content; gives the report, which must add up."""

    def add_content(content: str | bytes, name: str = "tweets.txt", **options) -> ImportReport:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        report = corpus.add_file(path, now=NOW, **options)
        assert report.read == report.kept + report.dropped.total()
        return report

    return add_content
