"""What is shown on a terminal."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def plain_table(*columns: str, right: int = 0) -> "Table":
    """A table without lines; the last `right` columns hold figures."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i >= len(columns) - right else "left", overflow="fold")
    return table
