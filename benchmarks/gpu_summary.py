"""The tables of gpu.py, and the page that says what they say."""

import csv
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path


def summary(folder: Path, notes: Sequence[str], dry: bool) -> str:
    """Text of summary.md: the devices, every table, and what the full study would take."""
    lines = ["# Measured on a GPU" if not dry else "# Dry run: the CPU in place of a GPU, at tiny sizes", ""]
    lines += [f"- {line}" for line in describe_device(dry)] + [f"- {note}" for note in notes] + [""]
    for name, title in (
        ("agreement.csv", "CPU against GPU"),
        ("replicas/benchmark.csv", "Replicas together"),
        ("sizes/benchmark.csv", "Step by size"),
        ("full.csv", "The study at size full"),
    ):
        path = folder / name
        rows = read_table(path) if path.exists() else []
        lines += [f"## {title}", ""]
        lines += markdown_table(rows) if rows else ["Not measured."]
        if name == "agreement.csv" and rows:
            apart = [row["quantity"] for row in rows if row["agree"] != "True"]
            lines += [
                "",
                f"Apart by more than the order of sums explains: {', '.join(apart)}." if apart else "All agree.",
            ]
        if name == "full.csv" and rows:
            hours = sum(float(row["hours"]) for row in rows)
            share = sum(row["measured"] == "True" for row in rows)
            lines += ["", f"The whole takes {hours:.2f} hours by this; {share} of {len(rows)} programs were measured."]
        lines.append("")
    return "\n".join(lines)


def describe_device(dry: bool) -> list[str]:
    """Lines about the machine and its packages."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    gpu = "none" if dry else subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    code = "import jax, jaxlib; print('jax', jax.__version__, 'jaxlib', jaxlib.__version__, *jax.devices())"
    jax_line = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    return [f"GPU: {gpu}", f"{jax_line}; {os.cpu_count()} CPU cores"]


def write_table(path: Path, columns: Sequence[str], rows: Iterable[dict[str, object]]) -> None:
    """Write rows as they come, so that a part that is stopped leaves those before."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
            file.flush()


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def markdown_table(rows: Sequence[dict[str, str]]) -> list[str]:
    """Lines of a Markdown table."""
    columns = list(rows[0])
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return lines + [f"| {' | '.join(row[column] for column in columns)} |" for row in rows]
