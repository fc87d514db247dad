"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
// Okabe and Ito's palette, then the same colours dashed.
const PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8a6d3b", "#7b52ab"];
const place = new Map(DATA.models.map((model, i) => [model, i]));
const colour = (model) => PALETTE[place.get(model) % PALETTE.length];
const dash = (model) => ["", "6 3", "2 2"][Math.floor(place.get(model) / PALETTE.length) % 3];
const WIDTH = 330, HEIGHT = 210, LEFT = 42, RIGHT = 8, TOP = 8, BOTTOM = 36;
const SVG = "http://www.w3.org/2000/svg", HTML = "http://www.w3.org/1999/xhtml";
const SVG_TAGS = new Set(["svg", "path", "line", "text", "g", "defs", "clipPath", "rect"]);
const MOST_COMPARED = 4;
const byId = (identity) => document.getElementById(identity);

function make(tag, attributes, parent, text) {
  const node = document.createElementNS(SVG_TAGS.has(tag) ? SVG : HTML, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

// State: what the page shows, all of it in the address, so that a link shows the same.
const address = new URLSearchParams(location.hash.slice(1));
const FIELDS = ["section", "status", "find", "from", "to", "scale", "differ"];
const compareSelects = [...document.querySelectorAll("select.compare")];

function readState() {
  for (const field of FIELDS) {
    const node = byId(field);
    if (node.type === "checkbox") node.checked = address.has(field);
    else if (address.has(field)) node.value = address.get(field);
  }
  const hidden = new Set(address.getAll("hide"));
  for (const box of boxes) box.checked = !hidden.has(box.value);
  address.getAll("compare").slice(0, MOST_COMPARED).forEach((name, i) => {
    if (place.has(name)) compareSelects[i].value = name;
  });
}

function writeState() {
  const next = new URLSearchParams();
  for (const field of FIELDS) {
    const node = byId(field);
    if (node.type === "checkbox" ? node.checked : node.value && node.value !== node.dataset.usual) {
      next.set(field, node.type === "checkbox" ? "1" : node.value);
    }
  }
  for (const box of boxes) if (!box.checked) next.append("hide", box.value);
  for (const name of compared()) next.append("compare", name);
  for (const key of ["sort", "curve"]) if (address.has(key)) next.set(key, address.get(key));
  const text = next.toString();
  try {
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  } catch (error) {
    location.hash = text;  // a page that is opened in a sandbox has no history
  }
}

// Curves ------------------------------------------------------------------------------------------------------------

// Bare nuclei, and pairs pressed close to them, are shown as a ratio to Coulomb's law, everything else as an energy.
const isRatio = (chart) => ["bare nuclei", "compression"].includes(chart.section) && firstReference(chart);
const firstReference = (chart) => Object.values(chart.references)[0];
const keyOf = (section, system) => `${section}|${system}`;
function values(chart, curve) {
  if (!isRatio(chart)) return curve.e;
  const exact = firstReference(chart).e;
  return curve.e.map((energy, i) => (energy === null || exact[i] === null ? null : energy / exact[i]));
}

function limits(chart) {
  const scale = Number(byId("scale").value);
  const scaled = ([low, high], centre) => [centre + (low - centre) * scale, centre + (high - centre) * scale];
  if (isRatio(chart)) return scaled([-0.25, 1.5], 1);
  const guide = firstReference(chart) ?? chart.lines[0];
  const inside = guide.e.filter((energy) => energy !== null);
  if (!inside.length) return [-1, 1];
  const lowest = Math.min(...inside), low = Math.min(lowest, 0), depth = Math.max(-low, 0.5);
  // Without a well, as a gap between two states has none, the whole reference is shown.
  if (low < -0.1) return scaled([low - 0.5 * depth, 1.6 * depth], lowest);
  return scaled([-1, Math.min(Math.max(...inside), 20) + 0.5], 0);
}

function extent(chart) {
  const all = chart.lines.flatMap((line) => line.r);
  const first = Math.max(Math.min(...all), Number(byId("from").value) || 0);
  const last = Math.min(Math.max(...all), Number(byId("to").value) || Infinity);
  return first < last ? [first, last] : [Math.min(...all), Math.max(...all)];
}

function hold(chart, i) {
  const holder = make("div", {class: "chart", id: `chart${i}`, "data-section": chart.section,
    "data-system": chart.system, "data-key": keyOf(chart.section, chart.system)}, byId("charts"));
  const section = ["diatomics", "smoothness", "compression"].includes(chart.section) ? `, ${chart.section}` : "";
  make("h3", {}, holder, `${chart.system}${section}` + (isRatio(chart) ? ": R E / (Z Z 14.4)" : " (eV)"));
  make("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", tabindex: 0,
    "aria-label": `curves of ${chart.system}; arrow keys move along them`}, holder);
  make("div", {class: "tip", role: "status"}, holder);
  holder.chart = chart;
  hover(chart, holder);
  return holder;
}

function draw(holder) {
  if (holder.drawn) return;
  holder.drawn = true;
  const chart = holder.chart, svg = holder.querySelector("svg");
  svg.replaceChildren();
  const [first, last] = extent(chart), [low, high] = limits(chart);
  const x = (r) => LEFT + (WIDTH - LEFT - RIGHT) * Math.log(r / first) / Math.log(last / first);
  const y = (e) => TOP + (HEIGHT - TOP - BOTTOM) * (high - e) / (high - low);
  axes(svg, first, last, low, high, x, y);
  const path = (curve, shown) => {
    let text = "", pen = false;
    shown.forEach((value, i) => {
      if (value === null) { pen = false; return; }
      const inside = Math.max(low - (high - low), Math.min(high + (high - low), value));
      text += `${pen ? "L" : "M"}${x(curve.r[i]).toFixed(1)} ${y(inside).toFixed(1)}`;
      pen = true;
    });
    return text;
  };
  const frame = make("clipPath", {id: `clip-${holder.id}`}, make("defs", {}, svg));
  make("rect", {x: LEFT, y: TOP, width: WIDTH - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM}, frame);
  const inner = make("g", {"clip-path": `url(#clip-${holder.id})`}, svg);
  Object.values(chart.references).forEach((curve, i) =>
    make("path", {class: i ? "reference" : "reference first", d: path(curve, values(chart, curve))}, inner));
  for (const line of chart.lines) {
    const node = make("path", {class: "line", stroke: colour(line.model), "stroke-dasharray": dash(line.model),
      "data-model": line.model, d: path(line, values(chart, line))}, inner);
    node.toggleAttribute("hidden", !isChosen(line.model));
  }
  make("line", {class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM}, svg);
}

function axes(svg, first, last, low, high, x, y) {
  make("line", {class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM}, svg);
  make("line", {class: "axis", x1: LEFT, x2: LEFT, y1: TOP, y2: HEIGHT - BOTTOM}, svg);
  for (const tick of [0.03, 0.05, 0.1, 0.2, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20]) {
    if (tick < 0.999 * first || tick > 1.001 * last) continue;
    if (last / first > 10 && [0.05, 0.7, 1.5, 3].includes(tick)) continue;
    make("line", {class: "axis", x1: x(tick), x2: x(tick), y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM + 4}, svg);
    make("text", {x: x(tick), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle"}, svg, tick);
  }
  make("text", {x: WIDTH - RIGHT, y: HEIGHT - 2, "text-anchor": "end"}, svg, "distance (Å)");
  const step = [0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10].find((size) => (high - low) / size <= 6) ??
    10 ** Math.ceil(Math.log10((high - low) / 6));
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) {
    make("line", {class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick)}, svg);
    make("text", {x: LEFT - 5, y: y(tick) + 4, "text-anchor": "end"}, svg, +tick.toFixed(2));
  }
}

function hover(chart, holder) {
  const svg = holder.querySelector("svg"), tip = holder.querySelector(".tip");
  let share = 0.4;
  const show = () => {
    const [first, last] = extent(chart), cursor = svg.querySelector(".cursor");
    if (!cursor) return;
    const wanted = first * (last / first) ** share;
    const nearest = (curve) => curve.r.reduce((best, r, i) =>
      Math.abs(Math.log(r / wanted)) < Math.abs(Math.log(curve.r[best] / wanted)) ? i : best, 0);
    const row = (label, curve) => {
      const value = values(chart, curve)[nearest(curve)];
      return `${label}: ${value === null ? "–" : value.toFixed(3)}`;
    };
    const shown = chart.lines.filter((line) => isChosen(line.model));
    const rows = [...Object.entries(chart.references).map(([label, curve]) => [row(label, curve), ""]),
      ...shown.map((line) => [row(line.model, line), colour(line.model)])];
    tip.replaceChildren();
    make("div", {}, tip, `${wanted.toFixed(2)} Å`);
    for (const [text, ink] of rows) make("div", ink ? {style: `color:${ink}`} : {}, tip, text);
    tip.style.display = "block";
    const at = LEFT + share * (WIDTH - LEFT - RIGHT);
    cursor.setAttribute("x1", at);
    cursor.setAttribute("x2", at);
    cursor.style.visibility = "visible";
  };
  const hide = () => {
    tip.style.display = "none";
    const cursor = svg.querySelector(".cursor");
    if (cursor) cursor.style.visibility = "hidden";
  };
  const follow = (event) => {
    const box = svg.getBoundingClientRect();
    const inside = ((event.clientX - box.left) / box.width * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT);
    share = Math.max(0, Math.min(1, inside));
    show();
  };
  svg.addEventListener("pointermove", follow);
  svg.addEventListener("pointerdown", follow);
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1}[event.key];
    if (event.key === "Escape") hide();
    if (step === undefined) return;
    event.preventDefault();
    share = Math.max(0, Math.min(1, share + step));
    show();
  });
}

function goTo(key) {
  const holder = holders.find((one) => one.dataset.key === key);
  if (!holder) return;
  holder.hidden = false;
  draw(holder);
  for (const one of holders) one.classList.toggle("target", one === holder);
  holder.scrollIntoView({block: "center"});
  holder.querySelector("svg").focus({preventScroll: true});
}

// Tables ------------------------------------------------------------------------------------------------------------

const number = (value) => (value === null ? "–" : String(+value.toPrecision(4)).replace("-", "−"));
function passes(low, high, reference) {
  const told = reference === null ? [] : [`reference ${number(reference)}`];
  if (low !== null || high !== null) {
    told.push(`passes ${low === null ? "…" : number(low)} to ${high === null ? "…" : number(high)}`);
  }
  return told.join(", ");
}

function nameCell(row, section, system, check) {
  const cell = make("td", {}, row), key = keyOf(section, system), text = `${system}: ${check}`;
  if (chartKeys.has(key)) make("a", {href: `#curve=${encodeURIComponent(key)}`, "data-curve": key}, cell, text);
  else cell.textContent = text;
}

function tag(cell, status) { make("span", {class: `tag ${status.replace(" ", "-")}`}, cell, status); }

// Rows of a group are made when it is opened: those of fifty models are tens of thousands.
function fill(group) {
  if (group.filled) return;
  group.filled = true;
  const scroll = make("div", {class: "scroll"}, group);
  const table = make("table", {class: "findings by-column"}, scroll);
  const head = make("tr", {}, make("thead", {}, table));
  for (const title of ["Status", "Check", "Value", "Passes", "Reason"]) make("th", {scope: "col"}, head, title);
  const body = make("tbody", {}, table);
  for (const [check, status, value, low, high, reference, reason] of DATA.findings[place.get(group.dataset.model)]) {
    const [section, system, name, unit] = DATA.checks[check];
    if (!section.startsWith(group.dataset.group)) continue;
    const row = make("tr", {class: "finding", "data-section": section, "data-status": DATA.statuses[status]}, body);
    tag(make("td", {}, row), DATA.statuses[status]);
    nameCell(row, section, system, name);
    const shown = value === null ? "–" : `${number(value)} ${unit}`;
    make("td", {class: "number", "data-value": value === null ? "" : value}, row, shown);
    make("td", {class: "soft"}, row, passes(low, high, reference));
    make("td", {class: "soft"}, row, DATA.reasons[reason]);
  }
  makeSortable(table);
}

const compared = () => [...new Set(compareSelects.map((select) => select.value).filter(Boolean))];

function compare() {
  const names = compared(), holder = byId("compared");
  holder.replaceChildren();
  if (names.length < 2) return;
  const found = names.map((name) => new Map(DATA.findings[place.get(name)].map((row) => [row[0], row])));
  const table = make("table", {class: "compared by-column"}, make("div", {class: "scroll"}, holder));
  const head = make("tr", {}, make("thead", {}, table));
  for (const title of ["Check", "Passes", ...names]) make("th", {scope: "col"}, head, title);
  const body = make("tbody", {}, table);
  DATA.checks.forEach(([section, system, name, unit], check) => {
    const rows = found.map((one) => one.get(check));
    const statuses = rows.map((row) => (row ? DATA.statuses[row[1]] : "not asked"));
    if (rows.every((row) => !row) || (byId("differ").checked && new Set(statuses).size === 1)) return;
    if (!matches(section, statuses, `${system}: ${name} ${section}`)) return;
    const line = make("tr", {"data-section": section}, body);
    nameCell(line, section, system, name);
    const limited = rows.find((row) => row && (row[3] !== null || row[4] !== null)) ?? rows.find(Boolean);
    make("td", {class: "soft"}, line, passes(limited[3], limited[4], limited[5]));
    rows.forEach((row, i) => {
      const value = row ? row[2] : null;
      const cell = make("td", {class: "number", "data-value": value === null ? "" : value}, line);
      if (value !== null) make("span", {}, cell, `${number(value)} ${unit} `);
      tag(cell, statuses[i]);
    });
  });
  makeSortable(table);
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.tabIndex = 0;
    head.addEventListener("keydown", pressed);
    head.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort((a, b) => {
        const [p, q] = [key(a), key(b)], [m, n] = [parseFloat(p), parseFloat(q)];
        if (isNaN(m) !== isNaN(n)) return isNaN(m) ? 1 : -1;
        return (isNaN(m) ? p.localeCompare(q) : m - n) * (up ? 1 : -1);
      }));
    });
  });
}

function pressed(event) {
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  event.target.click();
}

// Filters -----------------------------------------------------------------------------------------------------------

const boxes = [...document.querySelectorAll("input.model")];
const isChosen = (model) => boxes[place.get(model)]?.checked ?? false;
const chartKeys = new Set(DATA.charts.map((chart) => keyOf(chart.section, chart.system)));
boxes.sort((a, b) => place.get(a.value) - place.get(b.value));

function matches(section, statuses, text) {
  const wanted = byId("section").value, status = byId("status").value;
  const find = byId("find").value.trim().toLowerCase();
  return (!wanted || section === wanted) && (!status || statuses.includes(status)) &&
    (!find || text.toLowerCase().includes(find));
}

function filter() {
  const section = byId("section").value, find = byId("find").value.trim().toLowerCase();
  const narrowed = Boolean(section || byId("status").value || find);
  for (const card of document.querySelectorAll(".card")) card.hidden = !isChosen(card.dataset.model);
  for (const group of document.querySelectorAll(".group")) {
    if (!isChosen(group.dataset.model)) continue;
    if (narrowed) fill(group);
    if (!group.filled) continue;
    for (const row of group.querySelectorAll(".finding")) {
      row.hidden = narrowed && !matches(row.dataset.section, [row.dataset.status], row.textContent);
    }
    const some = group.querySelector(".finding:not([hidden])") !== null;
    group.hidden = narrowed && !some;
    group.open = narrowed && some;
  }
  for (const row of document.querySelectorAll(".worst .finding")) {
    row.hidden = !matches(row.dataset.section, [row.dataset.status], row.textContent);
  }
  for (const line of document.querySelectorAll(".line")) line.toggleAttribute("hidden", !isChosen(line.dataset.model));
  for (const holder of holders) {
    holder.hidden = Boolean((section && holder.dataset.section !== section) ||
      (find && !holder.dataset.system.toLowerCase().includes(find)));
  }
  compare();
  writeState();
}

function redraw() {
  for (const holder of holders) holder.drawn = false;
  for (const holder of holders) if (holder.near) draw(holder);
  writeState();
}

for (const box of boxes) box.parentElement.querySelector(".swatch").style.background = colour(box.value);
const holders = DATA.charts.map(hold);
readState();
// Charts are drawn when they come near the window; all of them for the printer.
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    entry.target.near = entry.isIntersecting;
    if (entry.isIntersecting) draw(entry.target);
  }
}, {rootMargin: "800px"});
for (const holder of holders) watcher.observe(holder);
window.addEventListener("beforeprint", () => holders.forEach(draw));
for (const identity of ["all", "none"]) {
  byId(identity).addEventListener("click", () => {
    for (const box of boxes) box.checked = identity === "all";
    filter();
  });
}
for (const identity of ["filters", "comparison"]) byId(identity).addEventListener("input", filter);
byId("zoom").addEventListener("input", redraw);
for (const group of document.querySelectorAll(".group")) {
  group.addEventListener("toggle", () => { if (group.open) { fill(group); } });
}
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-curve]");
  if (!link) return;
  event.preventDefault();
  address.set("curve", link.dataset.curve);
  goTo(link.dataset.curve);
  writeState();
});
const board = document.querySelector("table.sortable");
for (const head of board.tHead.rows[0].cells) {
  head.tabIndex = 0;
  head.addEventListener("keydown", pressed);
  head.addEventListener("click", () => queueMicrotask(() => {
    address.set("sort", `${head.cellIndex}${head.getAttribute("aria-sort") === "ascending" ? "" : "-"}`);
    writeState();
  }));
}
filter();
window.addEventListener("DOMContentLoaded", () => {
  const [column, down] = /^(\d+)(-?)$/.exec(address.get("sort") ?? "")?.slice(1) ?? [];
  const head = board.tHead.rows[0].cells[column];
  if (head) for (let clicks = down ? 2 : 1; clicks > 0; clicks -= 1) head.click();
  if (address.has("curve")) goTo(address.get("curve"));
});
