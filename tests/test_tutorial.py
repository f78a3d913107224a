"""The notebook runs from top to bottom on what is embedded, and was committed as it runs."""

import pytest

from tests.conftest import ROOT

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
PATH = ROOT / "docs" / "tutorial.ipynb"


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(notebook):
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def test_it_was_committed_as_it_ran_once_from_top_to_bottom():
    cells = code_cells(nbformat.read(PATH, as_version=4))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_plain_keras_comes_before_the_package():
    sources = [cell.source for cell in nbformat.read(PATH, as_version=4).cells]
    begin = next(i for i, source in enumerate(sources) if source.startswith("## 1."))
    opened = next(i for i, source in enumerate(sources) if "## 8. The same with" in source)
    plain = "\n".join(sources[begin:opened])
    assert "mnist_classifier" not in plain
    for term in ("Sequential", "Dense", '"relu"', '"softmax"', '"adam"', "BinaryCrossentropy",
                 "EarlyStopping", ".fit(", ".plot(", "random"):  # fmt: skip
        assert term in plain


def test_binder_installs_what_the_notebook_needs():
    asked = (ROOT / ".binder" / "requirements.txt").read_text()
    assert f'pip install "{asked.strip()}"' in nbformat.read(PATH, as_version=4).cells[0].source


@pytest.mark.slow
def test_it_runs_from_top_to_bottom():
    notebook = nbformat.read(PATH, as_version=4)
    for cell in code_cells(notebook):
        cell.outputs = []
    same = "np.testing.assert_allclose(splits.test.x, x_test, atol=1e-6)  # both halves' exam"
    notebook.cells.append(nbformat.v4.new_code_cell(same))
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": ROOT}}
    ).execute()
    said = printed(notebook)
    assert "It reads: 742" in said
    assert "always ten zeros            90.0%" in said
    figures = [o for cell in code_cells(notebook) for o in cell.outputs if "data" in o]
    assert sum("image/png" in output.data for output in figures) == 8
