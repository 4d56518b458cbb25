"""The files of the API: they say what is served, and nobody breaks callers without a word."""

import json
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from clientflow_host import api_files
from clientflow_host.api_files import COLLECTION, COMMAND, DOCUMENT, render_files, write_files

ROOT = Path(__file__).parents[2]


@pytest.mark.proves("UA1", "UA3", "UA4")
@pytest.mark.parametrize("name", [DOCUMENT, COLLECTION])
def test_file_says_what_is_served(name: str) -> None:
    there = (ROOT / name).read_text("utf-8")
    assert there == render_files()[name], f"write it anew: {COMMAND}"


@pytest.mark.proves("UA1")
def test_document_is_valid() -> None:
    document = json.loads((ROOT / DOCUMENT).read_text("utf-8"))
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


@pytest.mark.proves("SD5")
def test_nothing_is_given_as_csv_whose_cells_could_be_formulas() -> None:
    assert "text/csv" not in render_files()[DOCUMENT]


@pytest.mark.proves("UA4")
def test_what_breaks_callers_is_written_only_with_a_word_to_them(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "changelog.d").mkdir()
    write_files(tmp_path)
    there = json.loads((tmp_path / DOCUMENT).read_text())
    there["paths"]["/api/v1/old"] = there["paths"]["/api/v1/contacts"]
    (tmp_path / DOCUMENT).write_text(json.dumps(there))
    with pytest.raises(SystemExit, match="GET /api/v1/old is gone"):
        write_files(tmp_path)
    (tmp_path / "changelog.d" / "+old.removal.md").write_text("Removed the old one.")
    write_files(tmp_path)
    assert api_files.find_broken(tmp_path) == []
