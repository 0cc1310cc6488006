"""The notebooks run from top to bottom, offline, in a folder of their own."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))

SAID = {
    "sentiment": "['positive', 'negative']",
    "generation": "same text: True",
    "translation": "same translations: True",
    "understanding-lstms": "the largest difference: 0.00000",
}


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    command = [str(Path(sys.executable).with_name("jupyter-execute")), "--inplace", "--timeout=300", str(copy)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    outputs = [o for cell in nbformat.read(copy, 4).cells for o in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", ()) for output in outputs)
    assert SAID[path.stem] in "".join(output.get("text", "") for output in outputs)


def test_notebooks_are_committed_without_output() -> None:
    assert NOTEBOOKS
    for path in NOTEBOOKS:
        assert not any(cell.get("outputs") for cell in nbformat.read(path, 4).cells)
