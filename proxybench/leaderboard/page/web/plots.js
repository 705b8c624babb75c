// The data of the charts, and their colours.

const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const PALETTE = {
  light: ["#0072b2", "#c44e00", "#00805d", "#a8437f", "#6b4fb3", "#8a6500", "#45698c", "#b02a37", "#3b7d1f", "#555555"],
  dark: ["#62b5f0", "#ff9d57", "#42c99d", "#f09fcb", "#b9a4f5", "#e3c14c", "#9dbad6", "#ff8f98", "#93d374", "#bbbbbb"],
};
// Squares of the heat map from negative to positive, and where numbers on them are white in the light scheme and black in
// the dark one: where that has the larger contrast.
const HEAT = {
  light: { range: ["#c2570c", "#f3f4f2", "#1d5fa6"], test: "datum.value > 0.66", inside: "#ffffff", outside: "#000000" },
  dark: { range: ["#d9772f", "#2b3138", "#5aa5f0"], test: "datum.value > 0.49 || datum.value < -0.57", inside: "#000000", outside: "#ffffff" },
};
const turns = {};
const views = {};

function config() {
  const [ink, quiet, grid, accent] = ["--ink", "--quiet", "--grid", "--accent"].map(style);
  const words = { labelColor: ink, titleColor: quiet, titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 11 };
  return {
    background: null, font: "system-ui, sans-serif", view: { stroke: null }, aria: false, title: { color: quiet, fontSize: 12, fontWeight: "normal" },
    axis: { ...words, gridColor: grid, domainColor: quiet, tickColor: quiet }, legend: { ...words, title: null },
    text: { fill: ink, fontSize: 11 }, rule: { stroke: accent }, circle: { fill: accent }, point: { fill: accent }, line: { stroke: accent }, tick: { fill: quiet },
    range: { category: PALETTE[theme()] },
  };
}

async function draw(id, rows, note, { marks = [], change = () => {} } = {}) {
  const turn = (turns[id] = (turns[id] || 0) + 1);
  $(`${id}-note`).textContent = note;
  $(`${id}-note`).dataset.rows = rows.length;
  if (views[id]) views[id].finalize();
  delete views[id];
  $(id).replaceChildren();
  $(id).classList.remove("vega-embed");
  if (!rows.length) return;
  const spec = structuredClone(data.charts[id]);
  change(spec);
  const drawn = await vegaEmbed($(id), { ...spec, datasets: { rows, marks } }, {
    actions: false, ast: true, config: config(), defaultStyle: false, logLevel: 1, renderer: "svg", tooltip: { disableDefaultStyle: true, theme: "" },
  });
  if (turn !== turns[id]) return drawn.finalize();
  views[id] = drawn;
  const svg = $(id).querySelector("svg");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${spec.description}. ${note}`);
  if (id === "heat") makeReachable(svg);
}

// The squares and names of the heat map for the keyboard: one stop for Tab, arrow keys move on, Enter opens.
function makeReachable(svg) {
  const of = (node) => node.__data__ || {};
  const numbers = (node) => node.tagName === "text" && of(node).datum.exact;
  const nodes = [...svg.querySelectorAll(".role-mark path, .role-mark text")].filter((node) => of(node).href && !numbers(node));
  if (!nodes.length) return;
  svg.setAttribute("role", "group");
  svg.setAttribute("tabindex", "-1"); // browsers make it a stop because it listens for focus
  svg.setAttribute("aria-label", `${svg.getAttribute("aria-label")} Arrow keys move between squares and names, Enter opens one.`);
  for (const node of nodes) {
    const { row, column, exact, interval } = of(node).datum;
    node.setAttribute("role", "link");
    node.setAttribute("tabindex", "-1");
    node.setAttribute("aria-label", exact ? `${row} on ${column}: ${exact}, 95 % interval ${interval}` : row || column);
  }
  const start = nodes.find((node) => node.tagName === "path") || nodes[0];
  start.setAttribute("tabindex", "0");
  const point = (node, type) => {
    const { left, top, width, height } = node.getBoundingClientRect();
    node.dispatchEvent(new PointerEvent(type, { bubbles: true, clientX: left + width / 2, clientY: top + height / 2 }));
  };
  svg.addEventListener("focusin", ({ target }) => {
    if (!nodes.includes(target)) return;
    for (const node of nodes) node.setAttribute("tabindex", node === target ? "0" : "-1");
    if (target.matches(":focus-visible")) point(target, "pointermove"); // shows its tooltip
  });
  svg.addEventListener("focusout", ({ target }) => point(target, "pointerout"));
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Enter" && of(event.target).href) location.hash = of(event.target).href;
    if (!step || !nodes.includes(event.target)) return;
    event.preventDefault();
    const next = nearest(nodes, event.target, step);
    if (next) next.focus();
  });
}

// The node that is next in a direction; what is to the side counts as further away.
function nearest(nodes, from, [x, y]) {
  const middle = (node) => {
    const box = node.getBoundingClientRect();
    if (node.tagName !== "text") return [box.left + box.width / 2, box.top + box.height / 2];
    // A name is where it touches the squares: that of a row ends there, that of a column begins there.
    return "row" in node.__data__.datum ? [box.right, box.top + box.height / 2] : [box.left + 4, box.bottom];
  };
  const [left, top] = middle(from);
  let [best, least] = [null, Infinity];
  for (const node of nodes) {
    const [right, down] = middle(node).map((place, axis) => place - [left, top][axis]);
    const along = right * x + down * y;
    const distance = along + 40 * Math.abs(right * y + down * x);
    if (node !== from && along > 2 && distance < least) [best, least] = [node, distance];
  }
  return best;
}

const COSTS = { seconds: "seconds per architecture", fit_s: "seconds to fit", trained_on: "architectures trained on" };
const priced = (entry, axis) => entry.plotted && value(entry, "kendall") !== null && entry[axis] !== null && (axis === "trained_on" || entry[axis] > 0);

function drawCost(entries) {
  const axis = $("cost-axis").value;
  const title = $("cost-axis").selectedOptions[0].textContent;
  const name = axis === "seconds" ? "seconds_per_architecture" : axis;
  const order = (entry) => (GUESTS.includes(entry.kind) ? detail.pools.length : entry.pool);
  const rows = [...entries].sort((a, b) => order(a) - order(b))
    .filter((entry) => priced(entry, axis)).map((entry) => {
    const tau = value(entry, "kendall");
    const [, low, high] = entry.spread.kendall || [];
    return { label: entry.label, cost: entry[axis], cost_text: brief(entry[axis]), value: tau, text: fixed(3)(tau), low, high, front: entry.front.includes(name),
      pool: GUESTS.includes(entry.kind) ? entry.kind : detail.pools[entry.pool].name.replace("n_train", "trained on") };
  });
  nameSome(rows, axis !== "trained_on");
  const note = rows.length ? `${count(rows.length, "method")} with a recorded cost (${title}). Dashed: the Pareto front of complete methods.` : `No method of this task has a recorded cost in ${title}.`;
  draw("cost", rows, note, { change: (spec) => {
    const { x } = spec.encoding;
    x.title = title;
    const narrow = $("cost").clientWidth < 400;
    for (const { encoding: { color, shape } } of spec.layer) if (color) color.legend.columns = shape.legend.columns = narrow ? 1 : 2;
    x.scale = { type: axis === "trained_on" ? "symlog" : "log", nice: false, padding: 12 };
    if (axis === "trained_on") Object.assign(x.axis, { values: [...new Set(rows.map((row) => row.cost))], format: "d" });
  } });
}

// Names stand at points of the front, the best first, where they do not run into each other.
function nameSome(rows, logarithmic) {
  const place = (numbers, pixels) => { const [low, high] = [Math.min(...numbers), Math.max(...numbers)]; return (number) => (high > low ? (pixels * (number - low)) / (high - low) : 0); };
  const scaled = (row) => (logarithmic ? Math.log(row.cost) : row.cost);
  const x = place(rows.map(scaled), Math.max(200, $("cost").clientWidth - 80));
  const y = place(rows.map((row) => row.value), 270);
  const named = [];
  for (const row of rows.filter((one) => one.front).sort((a, b) => b.value - a.value)) {
    row.named = named.every((other) => Math.abs(y(other.value) - y(row.value)) > 14 || Math.abs(x(scaled(other)) - x(scaled(row))) > 130);
    if (row.named) named.push(row);
  }
}

const MOST_TRENDS = 8;

function drawTrend(all) {
  const learned = all.filter((entry) => entry.kind === "predictor" && value(entry, "kendall") !== null);
  const best = (label) => Math.max(...learned.filter((entry) => entry.label === label).map((entry) => value(entry, "kendall")));
  const labels = [...new Set(learned.map((entry) => entry.label))].sort((a, b) => best(b) - best(a)).slice(0, MOST_TRENDS);
  const having = all.filter((entry) => value(entry, "kendall") !== null && (entry.kind !== "predictor" || labels.includes(entry.label)));
  const rows = having.filter((entry) => entry.kind === "predictor").map((entry) => {
    const tau = value(entry, "kendall");
    const [, low, high] = entry.spread.kendall || [null, tau, tau];
    return { label: entry.label, n_train: entry.n_train, value: tau, text: fixed(3)(tau), low, high, repeats: entry.runs.length };
  });
  const untrained = Map.groupBy(having.filter((entry) => !entry.trained_on), (entry) => entry.label);
  const level = [...untrained].map(([label, same]) => ({
    label, guest: GUESTS.includes(same[0].kind), value: same.reduce((sum, entry) => sum + value(entry, "kendall"), 0) / same.length,
  })).sort((a, b) => b.value - a.value);
  const first = level.find((mark) => !mark.guest);
  const marks = level.filter((mark) => mark === first || mark.guest);
  marks.forEach((mark, index) => {
    const above = marks[index - 1];
    if (above && above.value - mark.value < 0.04) [above.text, mark.text] = ["", `${above.text || above.label}, ${mark.label}`];
    else mark.text = mark.label;
  });
  const sizes = [...new Set(rows.map((row) => row.n_train))].sort((a, b) => a - b);
  const note = rows.length ? `Bands: 95 % intervals over splits. Level lines: methods without training.${new Set(learned.map((entry) => entry.label)).size > MOST_TRENDS ? ` Shown: the best ${MOST_TRENDS}.` : ""}` : "No method of this task was trained on architectures.";
  draw("trend", rows, note, { marks, change: (spec) => { for (const layer of spec.layer) if ((layer.encoding.x || {}).field) layer.encoding.x.axis = { values: sizes, format: "d" }; } });
}

function drawScatter(scores) {
  const method = $("scattered").value;
  const scored = scores ? scores.methods[method] : null;
  if (!scored) return draw("scatter", [], "No scores of this method.");
  let rows = scored.map((score, index) => ({ score, target: scores.target[index], arch: scores.archs ? scores.archs[index] : `number ${index + 1}` }));
  rows = rows.filter((row) => row.score !== null && row.target !== null).sort((a, b) => a.score - b.score);
  const sizes = rows.map((row) => Math.abs(row.score)).filter((size) => size > 0);
  const wide = sizes.length && Math.max(...sizes) / Math.min(...sizes) > 1e4;
  const byRank = $("score-axis").value === "rank";
  if (byRank) {
    const first = new Map();
    rows.forEach((row, index) => { if (!first.has(row.score)) first.set(row.score, index + 1); });
    rows = rows.map((row) => ({ ...row, score: first.get(row.score) }));
  }
  const note = `${count(rows.length, "architecture")} of ${scores.size.toLocaleString("en")}, evenly spaced by target.`;
  return draw("scatter", rows, note, { change: (spec) => {
    spec.encoding.x.title = byRank ? `rank of the score of ${method} (larger is better)` : `score of ${method}`;
    spec.encoding.x.scale = { zero: false, type: !byRank && wide ? "symlog" : "linear" };
    spec.encoding.y.title = taskOf($("task").value).target;
  } });
}

function drawCorrelation(scores) {
  const rows = !scores ? [] : scores.names.flatMap((first, i) => scores.names.map((second, j) => ({ first, second, rho: scores.spearman[i][j] }))).filter((row) => row.rho !== null);
  $("correlation").closest("figure").classList.toggle("whole", Boolean(scores) && scores.names.length > 14);
  const step = scores ? ($("correlation").clientWidth - 140) / scores.names.length : 0;
  const named = step >= 11;
  const note = `Spearman's rho over all architectures that both scored; the first row is the target.${named ? "" : " Columns are in the order of the rows."}`;
  draw("correlation", rows, rows.length ? note : "No two methods scored the same architectures.", { change: (spec) => {
    spec.height = 20 * scores.names.length;
    if (step < 26) spec.layer.pop();
    if (!named) spec.encoding.x.axis.labels = false;
  } });
}

function plot(task, best) {
  const entries = detail.entries.filter((entry) => entry.task === task);
  const scores = detail.scores[task];
  for (const node of document.querySelectorAll("#benchmark-body .of-scores")) node.hidden = !scores;
  $("scores-note").hidden = Boolean(scores);
  const costs = Object.entries(COSTS).filter(([axis]) => new Set(entries.filter((entry) => priced(entry, axis)).map((entry) => entry[axis])).size > 1);
  options($("cost-axis"), costs, $("cost-axis").value);
  $("cost-axis-label").hidden = costs.length < 2;
  const kept = $("scattered").value || best;
  options($("scattered"), scores ? Object.keys(scores.methods).map((name) => [name, name]) : [["", "no scores here"]], kept);
  $("cost").closest("figure").hidden = !costs.length;
  $("trend").closest("figure").hidden = entries.filter((entry) => entry.kind === "predictor" && value(entry, "kendall") !== null).length < 2;
  if (costs.length) drawCost(entries);
  drawTrend(entries);
  if (!scores) return;
  drawScatter(scores);
  drawCorrelation(scores);
}
