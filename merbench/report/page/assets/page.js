(() => {
"use strict";
const root = document.documentElement;
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const ink = name => getComputedStyle(root).getPropertyValue(name).trim();
const redraw = [];  // what a change of theme must draw again

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties))
    if (name.includes("-")) element.setAttribute(name, value); else element[name] = value;
  element.append(...children);
  return element;
}
// A name may break after these marks.
const soft = name => name.split(/(?<=[_+])/).flatMap((part, k) => k ? [make("wbr"), part] : [part]);
const percent = v => v === null ? "" : (v / 10).toFixed(1);
const bracket = (low, high) => low === null || high === null ? "" : `[${percent(low)}, ${percent(high)}]`;
const step = (value, low, high) => Math.min(9, Math.max(0, Math.floor(10 * (value - low) / Math.max(high - low, 1))));
const paint = (cell, to) => { cell.className = cell.className.replace(/\bh\d\b/, `h${to}`); };

// ---- theme: that of the system, or one of two
function themes() {
  const names = ["system", "light", "dark"], button = document.querySelector("[data-theme-switch]");
  let chosen = "system";
  try { chosen = localStorage.getItem("merbench-theme") || chosen; } catch { /* a file may have no storage */ }
  const apply = name => {
    chosen = names.includes(name) ? name : "system";
    if (chosen === "system") delete root.dataset.theme; else root.dataset.theme = chosen;
    button.textContent = `Theme: ${chosen}`;
    redraw.forEach(draw => draw());
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    apply(names[(names.indexOf(chosen) + 1) % 3]);
    try { localStorage.setItem("merbench-theme", chosen); } catch { /* as above */ }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw.forEach(draw => draw()));
  apply(chosen);
}

// ---- tables sort by the number or word that a cell begins with; blanks stay last
function sortable(table) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  const value = (row, column) => {
    const text = row.cells[column].textContent.replace("−", "-").replace(/^> /, "");
    const number = parseFloat(text);
    return Number.isNaN(number) ? text.toLowerCase() : number * ({ k: 1e3, M: 1e6 }[/^[\d.]+ ([kM])/.exec(text)?.[1]] || 1);
  };
  heads.forEach((head, column) => {
    const label = make("button", { type: "button", className: "sort" });
    const note = head.querySelector("small");
    label.append(...[...head.childNodes].filter(node => node !== note));
    head.prepend(label);
    label.addEventListener("click", () => {
      const first = column ? "descending" : "ascending", second = column ? "ascending" : "descending";
      const to = head.getAttribute("aria-sort") === first ? second : first;
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", to);
      const way = to === "ascending" ? 1 : -1;
      const rows = [...body.rows].map(row => [value(row, column), row]);
      rows.sort(([a], [b]) => (a === "") - (b === "") || way * (a < b ? -1 : a > b ? 1 : 0));
      body.append(...rows.map(([, row]) => row));
    });
  });
}

// ---- controls: what is chosen, by axis
function choices(box, changed) {
  const state = {};
  const read = () => {
    for (const input of all("[data-axis]", box)) {
      if (input.type === "radio" && !input.checked) continue;
      state[input.dataset.axis] = input.type === "checkbox" ? input.checked : input.value;
    }
    changed(state);
  };
  box.addEventListener("change", read);
  return read;
}

// A switch shows the panes that fit every choice they know of.
function switches(box, changed = () => {}) {
  const panes = all(".pane", box);
  choices(box.querySelector(".controls"), state => {
    for (const pane of panes)
      pane.hidden = Object.entries(pane.dataset).some(([axis, own]) => axis in state && state[axis] !== own);
    changed(state);
  })();
}

// ---- charts
class Chart {
  constructor(box, methods, { x, dashed }) {
    Object.assign(this, { box, methods, xTitle: x, dashed, off: new Set(), bands: false, stressed: null });
    this.plot = box.querySelector(".plot");
    this.readout = box.querySelector(".readout");
    this.spoken = box.querySelector(".spoken");
    this.buttons = methods.map(([name, colour, glyph], method) => {
      const mark = make("span", { className: "glyph", "aria-hidden": "true" }, glyph);
      mark.style.color = colour;
      const button = make("button", { type: "button", "aria-pressed": "true" }, mark, make("span", {}, ...soft(name)), make("output"));
      button.addEventListener("click", () => this.toggle(method));
      for (const [event, on] of [["mouseenter", true], ["focus", true], ["mouseleave", false], ["blur", false]])
        button.addEventListener(event, () => this.stress(on ? method : null));
      box.querySelector(".legend").append(make("li", {}, button));
      return button;
    });
    this.plot.addEventListener("keydown", event => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by || !this.data) return;
      event.preventDefault();
      const last = this.data.x.length - 1, from = this.at ?? (by > 0 ? -1 : last + 1);
      this.at = Math.min(last, Math.max(0, from + by));
      this.chart.setCursor({ left: this.chart.valToPos(this.data.x[this.at], "x"), top: 10 }, false);
      this.show(this.at);
      this.spoken.textContent = [this.readout.textContent, ...this.buttons
        .filter(b => b.getAttribute("aria-pressed") === "true").map(b => [...b.children].slice(1).map(e => e.textContent).join(" "))].join(", ");
    });
    box.hidden = false;
    box.parentElement.querySelector(".static")?.classList.add("replaced");
    redraw.push(() => this.draw());
    new ResizeObserver(() => this.chart?.setSize(this.size())).observe(this.plot);
  }

  // data: x (0 to 1 or epochs), names of its points, values, lows, highs (methods, points; thousandths), range and title of y
  set(data, bands) {
    this.data = data;
    this.bands = bands;
    this.at = null;
    this.draw();
    this.show(null);
    this.buttons.forEach((button, m) => { button.parentElement.hidden = !data.values[m].some(v => v !== null); });
  }

  size() { return { width: this.plot.clientWidth, height: Math.min(420, Math.max(260, this.plot.clientWidth * .6)) }; }

  draw() {
    if (!this.data) return;
    const { x, values, lows, highs, range, title } = this.data, scale = row => row.map(v => v === null ? null : v / 10);
    const series = [{}], rows = [x], bands = [];
    this.methods.forEach(([name, colour, , dash], m) => {
      const show = !this.off.has(m), edge = { show, width: 0, points: { show: false }, spanGaps: true };
      series.push({ show, label: name, stroke: colour, width: 2, dash: dash.map(d => 2 * d), points: { show: false }, spanGaps: true }, edge, edge);
      rows.push(scale(values[m]), scale((lows || values)[m]), scale((highs || values)[m]));
      const fill = () => this.stressed === m ? colour + "40" : this.bands && this.stressed === null ? colour + "18" : "#0000";
      if (lows) bands.push({ series: [3 * m + 3, 3 * m + 2], fill });
    });
    const axis = { stroke: ink("--soft"), grid: { stroke: ink("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif", labelSize: 18 };
    this.chart?.destroy();
    this.chart = new uPlot({
      ...this.size(), series, bands, legend: { show: false }, padding: [10, 12, 0, 0],
      scales: { x: { time: false, range: () => this.data.span }, y: { range: () => range } },
      axes: [{ ...axis, label: this.xTitle, size: 34 }, { ...axis, label: title, size: 40 }],
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } }, focus: { alpha: .2 },
      hooks: {
        draw: [u => this.marks(u)],
        setCursor: [u => { if (u.cursor.event || u.cursor.left < 0) this.show(u.cursor.left < 0 ? null : u.cursor.idx); }],
      },
    }, rows, this.plot);
  }

  // The marker of each method at each point, and a dashed line to read against.
  marks(u) {
    const { ctx } = u, at = (px, py) => [u.valToPos(px, "x", true), u.valToPos(py, "y", true)];
    const chance = this.data.chance / 10, sight = chance >= this.data.range[0] && chance <= this.data.range[1];
    const line = this.dashed === "diagonal" ? [[0, 0], [1, 100]] : sight ? this.data.span.map(px => [px, chance]) : null;
    ctx.save();
    if (line) {
      ctx.strokeStyle = ink("--soft");
      ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(...at(...line[0]));
      ctx.lineTo(...at(...line[1]));
      ctx.stroke();
    }
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    if (this.data.x.length <= 20) this.methods.forEach(([, colour, glyph], m) => {
      if (this.off.has(m)) return;
      ctx.globalAlpha = this.stressed === null || this.stressed === m ? 1 : .2;
      ctx.fillStyle = colour;
      this.data.values[m].forEach((v, k) => { if (v !== null) ctx.fillText(glyph, ...at(this.data.x[k], v / 10)); });
    });
    ctx.restore();
  }

  toggle(method) {
    if (!this.off.delete(method)) this.off.add(method);
    this.buttons[method].setAttribute("aria-pressed", String(!this.off.has(method)));
    this.draw();
  }

  stress(method) {
    this.stressed = method;
    if (method !== null && this.off.has(method)) this.stressed = method = null;
    for (let s = 1; s < this.chart.series.length; s++) this.chart.series[s].alpha = method === null || Math.floor((s - 1) / 3) === method ? 1 : .2;
    this.chart.redraw(false);
  }

  show(index) {
    const there = index !== null && index !== undefined;
    this.readout.textContent = there ? `${this.xTitle} ${this.data.names[index]}` : "Point at the chart for values; click a name to hide it.";
    this.buttons.forEach((button, m) => {
      const output = button.lastChild, { values, lows, highs } = this.data;
      output.textContent = there ? percent(values[m][index]) : "";
      if (there && lows) output.append(" ", make("small", {}, bracket(lows[m][index], highs[m][index])));
    });
  }
}

// Room for every value, and for the bands as far as they do not push the values into a corner.
const extent = (rows, bands = []) => {
  const ends = part => { const found = part.flat(9).filter(v => v !== null).map(v => v / 10); return [Math.min(...found), Math.max(...found)]; };
  const [low, high] = ends(rows), [least, most] = ends([rows, bands]);
  const floor = Math.min(0, Math.floor(low / 5) * 5);  // some metrics go below 0
  return [Math.max(floor, Math.floor(Math.max(least, low - 10) / 5) * 5), Math.min(100, Math.ceil(Math.min(most, high + 10) / 5) * 5)];
};

function charts(run, data) {
  const box = kind => run.querySelector(`[data-chart=${kind}]`);
  const controls = (kind, changed) => choices(run.querySelector(`.controls[data-for=${kind}]`), changed)();
  const titles = Object.fromEntries(all("[data-axis=metric]", run).map(i => [i.value, i.parentElement.textContent.trim() || i.value]));
  const start = (kind, options, changed) => {
    if (!box(kind)) return;
    const chart = new Chart(box(kind), data.methods, options);
    controls(kind, state => changed(chart, state));
  };
  start("curves", { x: "severity" }, (chart, { metric, noise, column, bands }) => {
    const own = data.curves[metric]?.[noise], entry = own?.[column];
    const select = run.querySelector(".controls[data-for=curves] select[data-axis=column]");
    if (select) for (const option of select.options) option.disabled = !own?.[option.value];
    if (!entry) {  // this noise has no such curve: take the first that it has
      if (own && select) { select.value = Object.keys(own)[0]; select.dispatchEvent(new Event("change", { bubbles: true })); }
      return;
    }
    const [x, names, values, lows, highs] = entry, chance = data.chance[metric];
    const range = extent(values, bands ? [lows, highs] : []);
    chart.xTitle = data.axes[noise];
    chart.set({ x, names, values, lows, highs, range, span: [0, 1], title: `${titles[metric]}, %`, chance }, bands);
  });
  start("training", { x: "epoch" }, (chart, { stage, bands }) => {
    const [x, values, lows, highs] = data.training[stage];
    chart.set({ x, names: x, values, lows, highs, range: extent(values, bands ? [lows, highs] : []), span: [x[0] - .5, x[x.length - 1] + .5], title: "validation score, %" }, bands);
  });
  start("reliability", { x: "confidence", dashed: "diagonal" }, (chart, { group }) => {
    const [x, values] = data.reliability[group];
    chart.set({ x, names: x.map(v => `${(100 * v).toFixed(0)} %`), values, range: [0, 100], span: [0, 1], title: "right, %" }, false);
  });
}

// ---- the heat map: another metric, and one cell's interval
function heat(box, data, axes, chance) {
  let metric, shown;
  const detail = box.querySelector(".detail"), label = { ...Object.fromEntries(all("[data-axis=metric]", box).map(i => [i.value, i.parentElement.textContent.trim()])) };
  const cells = pane => all("tbody tr", pane).map(row => [...row.cells].slice(1));
  const tell = (pane, cell) => {
    shown?.classList.remove("at");
    (shown = cell).classList.add("at");
    const table = cell.closest("table"), row = cell.parentElement.sectionRowIndex, column = cell.cellIndex - 1;
    const [values, lows, highs] = data[metric][pane.dataset.noise].map(rows => rows[row][column]);
    let group = 0, first = 0;
    const groups = [...table.tHead.rows[0].cells].slice(1);
    while (first + groups[group].colSpan <= column) first += groups[group++].colSpan;
    const severity = table.tHead.rows[1].cells[column].textContent, pattern = groups[group].firstChild.textContent;
    detail.replaceChildren(make("b", {}, cell.parentElement.cells[0].textContent), severity === "gone" ? `, ${pattern}, the rest missing: ` : `, ${pattern}, ${axes[pane.dataset.noise]} ${severity}: `,
      make("b", {}, `${label[metric] || metric} ${percent(values)}`), ` ${bracket(lows, highs)}`);
  };
  all(".pane", box).forEach(pane => {
    const rows = cells(pane);
    if (rows[0]?.[0]) rows[0][0].tabIndex = 0;
    pane.addEventListener("mouseover", event => { if (event.target.closest("tbody td")) tell(pane, event.target.closest("td")); });
    pane.addEventListener("click", event => event.target.closest("tbody td")?.focus());
    pane.addEventListener("focusin", event => { if (event.target.closest("tbody td")) tell(pane, event.target.closest("td")); });
    pane.addEventListener("keydown", event => {
      const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key], from = event.target.closest("tbody td");
      if (!by || !from) return;
      event.preventDefault();
      const to = rows[from.parentElement.sectionRowIndex + by[0]]?.[from.cellIndex - 1 + by[1]];
      if (!to) return;
      from.tabIndex = -1;
      to.tabIndex = 0;
      to.focus();
    });
    rows.flat().slice(1).forEach(cell => { cell.tabIndex = -1; });
  });
  switches(box, state => {
    if (metric !== undefined && metric === state.metric) return;
    metric = state.metric;
    const top = Math.max(...Object.values(data[metric]).flatMap(noise => noise[0].flat()).filter(v => v !== null));
    for (const pane of all(".pane", box)) {
      pane.querySelector(".metric").textContent = label[metric] || metric;
      cells(pane).forEach((row, r) => row.forEach((cell, c) => {
        const value = data[metric][pane.dataset.noise][0][r][c];
        cell.textContent = value === null ? "" : Math.round(value / 10);
        paint(cell, value === null ? 0 : step(value, chance, top));
      }));
    }
    detail.textContent = "";
  });
}

function confusions(run, data) {
  const controls = run.querySelector(".controls[data-for=confusions]");
  if (!controls) return;
  const tables = all(".matrix", run);
  if (innerWidth < 768) controls.querySelector("[data-axis=method]").value = "0";  // one fits a phone
  choices(controls, ({ pattern, method }) => tables.forEach((table, m) => {
    table.parentElement.hidden = method !== "" && Number(method) !== m;
    table.querySelector(".pattern").textContent = controls.querySelector("[data-axis=pattern]").selectedOptions[0].textContent;
    const values = data[m][pattern];
    all("tbody td", table).forEach((cell, k) => {
      cell.textContent = values[k] === null ? "" : values[k];
      paint(cell, values[k] === null ? 0 : step(values[k], 0, 100));
    });
  }))();
}

if (innerWidth < 1088) all("[data-contents]").forEach(details => { details.open = false; });
all("table.sortable").forEach(sortable);
for (const run of all("[data-run]")) {
  const data = JSON.parse(run.querySelector("script.data").textContent);
  all(".switch", run).forEach(box => box.classList.contains("heat") ? heat(box, data.heat, data.axes, data.chance.ua) : switches(box));
  confusions(run, data.confusions);
  charts(run, data);
}
const opened = [];
addEventListener("beforeprint", () => all("main details:not([open])").forEach(d => { d.open = true; opened.push(d); }));
addEventListener("afterprint", () => opened.splice(0).forEach(d => { d.open = false; }));
themes();
})();
