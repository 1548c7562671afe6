"""The result as a table for people; machines read the JSON."""

from rich.console import Console
from rich.table import Table

from config.benchmark.runs import Result


def show(result: Result, console: Console) -> None:
    """A row each, and below it what it was measured on."""
    table = Table(title="Daybook next to floors and peers, in the same run", title_justify="left")
    table.add_column("what")
    for title in ("ours", "against", "ratio", "wanted"):
        table.add_column(title, justify="right")
    table.add_column("unit")
    table.add_column("against what")
    for row in result.rows:
        style = {True: "green", False: "red", None: ""}[row.is_met]
        table.add_row(row.name, figure(row.ours), figure(row.against), f"{row.ratio:.2f}", row.wanted, row.unit, row.peer, style=style)
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in result.facts.items()), style="dim")
    for row in result.missed:
        console.print(f"{row.name}: {row.ratio:.2f}, wanted {row.wanted}.")


def figure(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
