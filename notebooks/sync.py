"""Write the .ipynb of each notebook from its script: python notebooks/sync.py

The scripts are the source. The .ipynb files have no outputs, and cell ids that do not change.
"""

from pathlib import Path

import jupytext
import nbformat

for script in sorted(Path(__file__).parent.glob("[0-9]*.py")):
    notebook = jupytext.read(script)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02}"
    nbformat.write(notebook, script.with_suffix(".ipynb"))
