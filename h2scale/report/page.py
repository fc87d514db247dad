"""Elements of the page: escaped HTML, one style sheet and one small script, nothing from a network."""

import base64
import html
from collections.abc import Sequence

STYLE = """
:root { color-scheme: light dark; --ink: #1c1d21; --soft: #5d6068; --line: #dfe1e6; --page: #fbfbfc; --card: #ffffff;
  --good: #0b6b50; --bad: #a83200; --none: #5d6068; --link: #0060a0; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececf0; --soft: #a6a9b3; --line: #3a3d45; --page: #16171b;
  --card: #1f2126; --good: #52cfa4; --bad: #ff9a66; --none: #a6a9b3; --link: #74bbf2; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 28px 18px 64px; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 6px; }
h2 { font-size: 1.25rem; margin: 44px 0 10px; padding-top: 14px; border-top: 1px solid var(--line); }
h3 { font-size: 1.02rem; margin: 26px 0 6px; }
p { margin: 6px 0 12px; } a { color: var(--link); } code { font-size: .92em; overflow-wrap: anywhere; }
.lead { font-size: 1.08rem; } .soft { color: var(--soft); font-size: .92rem; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 7px 11px; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
th { font-weight: 600; color: var(--soft); white-space: nowrap; }
.sortable th { cursor: pointer; user-select: none; white-space: normal; min-width: 5.5rem;
  vertical-align: bottom; } .sortable td { white-space: nowrap; }
.sortable th[aria-sort=ascending]::after { content: " \\25B2"; }
.sortable th[aria-sort=descending]::after { content: " \\25BC"; }
.tag { font-weight: 700; white-space: nowrap; }
.confirmed { color: var(--good); } .refuted { color: var(--bad); } .not-tested, .inconclusive {
  color: var(--none); }
.verdicts ul { margin: 0; padding-left: 17px; } .verdicts details { color: var(--soft); font-size: .88rem; }
figure { margin: 14px 0 26px; } figure img { width: 100%; height: auto; border-radius: 8px; background: #fff;
  border: 1px solid var(--line); padding: 8px; display: block; }
figcaption { color: var(--soft); font-size: .92rem; margin-top: 7px; }
summary { cursor: pointer; }
pre { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px; }
@media (max-width: 720px) { .verdicts thead { display: none; } .verdicts tr { display: block; padding: 10px 0;
  border-bottom: 1px solid var(--line); } .verdicts td { display: block; border: 0; padding: 3px 12px; }
  .verdicts td[data-label]::before { content: attr(data-label); display: block; color: var(--soft); font-size: .8rem; }
  figure img { padding: 2px; } }
"""

SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const order = (a, b) => {
      const [x, y] = [value(a), value(b)], [p, q] = [parseFloat(x), parseFloat(y)];
      if (isNaN(p) !== isNaN(q)) return isNaN(p) ? 1 : -1;
      return (isNaN(p) ? x.localeCompare(y) : p - q) * (up ? 1 : -1);
    };
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
  }));
}
"""


def document(title: str, body: Sequence[str]) -> str:
    """Return a whole page from finished elements of its body."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{html.escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{chr(10).join(body)}\n</main>\n"
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def element(tag: str, text: str, css_class: str = "") -> str:
    """Return an element around plain text, escaped."""
    return f"<{tag}{_class(css_class)}>{html.escape(text)}</{tag}>"


def sortable(headers: Sequence[str], rows: Sequence[Sequence[str | tuple[str, float]]]) -> str:
    """Return a table that sorts on a click; a cell is text, or text with the number that it sorts by."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in headers)
    body = "\n".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table class="sortable"><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>'
        "</table></div>"
    )


def picture(svg: bytes, alternative: str, caption: str) -> str:
    """Return a figure embedded in the page, with its alternative text and its caption."""
    data = base64.b64encode(svg).decode("ascii")
    return (
        f'<figure><img alt="{html.escape(alternative)}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def verdict_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the table of verdicts from finished cells; on a phone each row becomes a card."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in headers)
    body = "\n".join(
        "<tr>"
        + "".join(f'<td data-label="{html.escape(name)}">{cell}</td>' for name, cell in zip(headers, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table class="verdicts"><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>'
        "</table></div>"
    )


def bullets(lines: Sequence[str]) -> str:
    """Return a list of plain texts; a dash if there are none."""
    items = "".join(element("li", line) for line in lines)
    return f"<ul>{items}</ul>" if lines else "–"


def folded(title: str, content: str) -> str:
    """Return finished content behind a title that opens it."""
    return f"<details><summary>{html.escape(title)}</summary>{content}</details>"


def link(target: str, text: str) -> str:
    """Return a link to a file beside the page."""
    return f'<a href="{html.escape(target)}">{html.escape(text)}</a>'


def _cell(cell: str | tuple[str, float]) -> str:
    if isinstance(cell, str):
        return f"<td>{html.escape(cell)}</td>"
    text, value = cell
    return f'<td data-value="{value!r}">{html.escape(text)}</td>'


def _class(name: str) -> str:
    return f' class="{html.escape(name)}"' if name else ""
