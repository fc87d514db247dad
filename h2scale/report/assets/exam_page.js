"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
// Okabe and Ito's palette, then the same colours dashed.
const PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8a6d3b", "#7b52ab"];
const colour = (model) => PALETTE[DATA.models.indexOf(model) % PALETTE.length];
const dash = (model) => ["", "6 3", "2 2"][Math.floor(DATA.models.indexOf(model) / PALETTE.length) % 3];
const WIDTH = 330, HEIGHT = 210, LEFT = 42, RIGHT = 8, TOP = 8, BOTTOM = 36;
const SVG = "http://www.w3.org/2000/svg";

function make(tag, attributes, parent, text) {
  const node = document.createElementNS(tag === "div" || tag === "h3" ? "http://www.w3.org/1999/xhtml" : SVG, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

// Bare nuclei are shown as a ratio to Coulomb's law, everything else as an energy.
const isRatio = (chart) => chart.section === "bare nuclei";
const firstReference = (chart) => Object.values(chart.references)[0];
function values(chart, curve) {
  if (!isRatio(chart)) return curve.e;
  const exact = firstReference(chart).e;
  return curve.e.map((energy, i) => (energy === null || exact[i] === null ? null : energy / exact[i]));
}

function limits(chart) {
  if (isRatio(chart)) return [-0.25, 1.5];
  const guide = firstReference(chart) ?? chart.lines[0];
  const inside = guide.e.filter((energy) => energy !== null);
  if (!inside.length) return [-1, 1];
  const low = Math.min(...inside, 0), depth = Math.max(-low, 0.5);
  // Without a well, as a gap between two states has none, the whole reference is shown.
  return low < -0.1 ? [low - 0.5 * depth, 1.6 * depth] : [-1, Math.min(Math.max(...inside), 20) + 0.5];
}

function draw(chart) {
  const holder = make("div", {class: "chart", "data-section": chart.section, "data-system": chart.system},
    document.getElementById("charts"));
  const section = chart.section === "diatomics" ? ", diatomics" : "";
  make("h3", {}, holder, `${chart.system}${section}` + (isRatio(chart) ? ": R E / (Z Z 14.4)" : " (eV)"));
  const svg = make("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `curves of ${chart.system}`}, holder);
  const all = chart.lines.flatMap((line) => line.r);
  const [first, last] = [Math.min(...all), Math.max(...all)], [low, high] = limits(chart);
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
  const clip = `clip${document.querySelectorAll(".chart").length}`;
  const frame = make("clipPath", {id: clip}, make("defs", {}, svg));
  make("rect", {x: LEFT, y: TOP, width: WIDTH - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM}, frame);
  const inner = make("g", {"clip-path": `url(#${clip})`}, svg);
  Object.values(chart.references).forEach((curve, place) =>
    make("path", {class: place ? "reference" : "reference first", d: path(curve, values(chart, curve))}, inner));
  for (const line of chart.lines) {
    make("path", {class: "line", stroke: colour(line.model), "stroke-dasharray": dash(line.model),
      "data-model": line.model, d: path(line, values(chart, line))}, inner);
  }
  hover(chart, holder, svg, first, last);
}

function axes(svg, first, last, low, high, x, y) {
  make("line", {class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM}, svg);
  make("line", {class: "axis", x1: LEFT, x2: LEFT, y1: TOP, y2: HEIGHT - BOTTOM}, svg);
  for (const tick of [0.1, 0.2, 0.5, 1, 2, 5, 10, 20]) {
    if (tick < 0.999 * first || tick > 1.001 * last) continue;
    make("line", {class: "axis", x1: x(tick), x2: x(tick), y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM + 4}, svg);
    make("text", {x: x(tick), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle"}, svg, tick);
  }
  make("text", {x: WIDTH - RIGHT, y: HEIGHT - 2, "text-anchor": "end"}, svg, "distance (Å)");
  const step = [0.25, 0.5, 1, 2, 5, 10].find((size) => (high - low) / size <= 6) ?? 20;
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) {
    make("line", {class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick)}, svg);
    make("text", {x: LEFT - 5, y: y(tick) + 4, "text-anchor": "end"}, svg, +tick.toFixed(2));
  }
}

function hover(chart, holder, svg, first, last) {
  const cursor = make("line", {class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM}, svg);
  const tip = make("div", {class: "tip"}, holder);
  const show = (event) => {
    const box = svg.getBoundingClientRect();
    const share = ((event.clientX - box.left) / box.width * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT);
    const wanted = first * (last / first) ** Math.max(0, Math.min(1, share));
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
    const place = LEFT + Math.max(0, Math.min(1, share)) * (WIDTH - LEFT - RIGHT);
    cursor.setAttribute("x1", place);
    cursor.setAttribute("x2", place);
    cursor.style.visibility = "visible";
  };
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointerleave", () => { tip.style.display = "none"; cursor.style.visibility = "hidden"; });
}

const boxes = [...document.querySelectorAll("input.model")];
const isChosen = (model) => boxes.some((box) => box.value === model && box.checked);

function filter() {
  const section = document.getElementById("section").value, status = document.getElementById("status").value;
  const find = document.getElementById("find").value.trim().toLowerCase();
  for (const row of document.querySelectorAll(".finding")) {
    row.hidden = Boolean((section && row.dataset.section !== section) || (status && row.dataset.status !== status) ||
      (find && !row.textContent.toLowerCase().includes(find)));
  }
  const narrowed = Boolean(section || status || find);
  for (const group of document.querySelectorAll(".group")) {
    const some = group.querySelector(".finding:not([hidden])") !== null;
    group.hidden = narrowed && !some;
    group.open = narrowed && some;
  }
  for (const card of document.querySelectorAll(".card")) card.hidden = !isChosen(card.dataset.model);
  for (const line of document.querySelectorAll(".line")) line.toggleAttribute("hidden", !isChosen(line.dataset.model));
  for (const chart of document.querySelectorAll(".chart")) {
    chart.hidden = Boolean((section && chart.dataset.section !== section) ||
      (find && !chart.dataset.system.toLowerCase().includes(find)));
  }
}

for (const box of boxes) box.parentElement.querySelector(".swatch").style.background = colour(box.value);
DATA.charts.forEach(draw);
document.getElementById("filters").addEventListener("input", filter);
filter();
