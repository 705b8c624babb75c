// The data of the charts, and their colours.

const dark = matchMedia("(prefers-color-scheme: dark)");
const PALETTE = {
  light: ["#0072b2", "#c44e00", "#00805d", "#a8437f", "#6b4fb3", "#8a6500", "#45698c", "#b02a37", "#3b7d1f", "#555555"],
  dark: ["#62b5f0", "#ff9d57", "#42c99d", "#f09fcb", "#b9a4f5", "#e3c14c", "#9dbad6", "#ff8f98", "#93d374", "#bbbbbb"],
};
const turns = {};
const views = {};

function config() {
  const style = getComputedStyle(document.documentElement);
  const [ink, quiet, grid, accent] = ["--ink", "--quiet", "--grid", "--accent"].map((name) => style.getPropertyValue(name).trim());
  const words = { labelColor: ink, titleColor: quiet, titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 11 };
  return {
    background: null, font: "system-ui, sans-serif", view: { stroke: null }, aria: false,
    axis: { ...words, gridColor: grid, domainColor: quiet, tickColor: quiet }, legend: { ...words, title: null },
    text: { fill: ink, fontSize: 11 }, rule: { stroke: accent }, circle: { fill: accent }, point: { fill: accent }, line: { stroke: accent },
    range: { category: dark.matches ? PALETTE.dark : PALETTE.light },
  };
}

async function draw(id, rows, note, { marks = [], change = () => {} } = {}) {
  const turn = (turns[id] = (turns[id] || 0) + 1);
  $(`${id}-note`).textContent = note;
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
}

function drawRanks(comparison) {
  const compared = comparison ? comparison.standings.filter((found) => found[3] !== null) : [];
  const half = comparison && comparison.difference !== null ? comparison.difference / 2 : null;
  const rows = compared.length < 2 ? [] : compared.map(([label, , , rank]) => half === null ? { label, rank }
    : { label, rank, low: Math.max(1, rank - half), high: Math.min(compared.length, rank + half) });
  let note = "Choose a pool to compare its methods.";
  if (comparison && half === null) note = "At least three methods on two tasks are needed to test which average ranks differ.";
  else if (comparison) {
    const p = comparison.p_value === null ? "undefined" : comparison.p_value < 1e-4 ? "< 0.0001" : `= ${brief(comparison.p_value)}`;
    note = `If two bars do not overlap, the average ranks differ at the 5 % level (Nemenyi, critical difference ${fixed(2)(comparison.difference)} for ${compared.length} methods on ${count(comparison.compared_on.length, "task")}; Friedman p ${p}).`;
  }
  draw("ranks", rows, note, { change: (spec) => { spec.height = 19 * rows.length; } });
}

function drawCost(entries) {
  const axis = $("cost-axis").value;
  const title = $("cost-axis").selectedOptions[0].textContent;
  const name = axis === "seconds" ? "seconds_per_architecture" : axis;
  const order = (entry) => (GUESTS.includes(entry.kind) ? data.pools.length : entry.pool);
  const rows = [...entries].sort((a, b) => order(a) - order(b))
    .filter((entry) => entry.plotted && value(entry, "kendall") !== null && entry[axis] !== null && (axis === "trained_on" || entry[axis] > 0)).map((entry) => {
    const tau = value(entry, "kendall");
    const [, low, high] = entry.spread.kendall || [];
    return { label: entry.label, cost: entry[axis], cost_text: brief(entry[axis]), value: tau, text: fixed(3)(tau), low, high, front: entry.front.includes(name),
      pool: GUESTS.includes(entry.kind) ? entry.kind : data.pools[entry.pool].name };
  });
  const note = rows.length ? `${count(rows.length, "method")} with a recorded cost (${title}). Dashed: the Pareto front of complete methods.` : `No method of this task has a recorded cost in ${title}.`;
  draw("cost", rows, note, { change: (spec) => {
    const { x } = spec.encoding;
    x.title = title;
    x.scale = { type: axis === "trained_on" ? "symlog" : "log", nice: false, padding: 12 };
    if (axis === "trained_on") Object.assign(x.axis, { values: [...new Set(rows.map((row) => row.cost))], format: "d" });
  } });
}

function drawTrend(entries) {
  const having = entries.filter((entry) => value(entry, "kendall") !== null);
  const rows = having.filter((entry) => entry.kind === "predictor").map((entry) => {
    const tau = value(entry, "kendall");
    const [, low, high] = entry.spread.kendall || [null, tau, tau];
    return { label: entry.label, n_train: entry.n_train, value: tau, text: fixed(3)(tau), low, high, repeats: entry.runs.length };
  });
  const untrained = Map.groupBy(having.filter((entry) => !entry.trained_on), (entry) => entry.label);
  const level = [...untrained].map(([label, same]) => ({
    label, guest: GUESTS.includes(same[0].kind), value: same.reduce((sum, entry) => sum + value(entry, "kendall"), 0) / same.length,
  })).sort((a, b) => b.value - a.value);
  const best = level.find((mark) => !mark.guest);
  const marks = level.filter((mark) => mark === best || mark.guest);
  marks.forEach((mark, index) => {
    const above = marks[index - 1];
    if (above && above.value - mark.value < 0.04) [above.text, mark.text] = ["", `${above.text || above.label}, ${mark.label}`];
    else mark.text = mark.label;
  });
  const sizes = [...new Set(rows.map((row) => row.n_train))].sort((a, b) => a - b);
  const note = rows.length ? "Bands: 95 % intervals over splits. Level lines: methods without training." : "No method of this task was trained on architectures.";
  draw("trend", rows, note, { marks, change: (spec) => { for (const layer of spec.layer) if ((layer.encoding.x || {}).field) layer.encoding.x.axis = { values: sizes, format: "d" }; } });
}

const ABSENT = "This chart needs the scores of single architectures, which are not published with this page. To see it, run: proxybench run --keep-scores, then proxybench leaderboard build, and open local/index.html.";

function drawScatter(scores) {
  const method = $("scattered").value;
  const scored = scores ? scores.methods[method] : null;
  if (!scored) return draw("scatter", [], scores ? "No scores of this method." : ABSENT);
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
    spec.encoding.y.title = data.tasks[byName(data.tasks, $("plotted").value)].target;
  } });
}

function drawCorrelation(scores) {
  const rows = !scores ? [] : scores.names.flatMap((first, i) => scores.names.map((second, j) => ({ first, second, rho: scores.spearman[i][j] }))).filter((row) => row.rho !== null);
  draw("correlation", rows, rows.length ? "Spearman's rho over all architectures that both scored; the first row is the target." : ABSENT,
    { change: (spec) => { spec.height = 21 * scores.names.length; } });
}

function plot() {
  const number = byName(data.tasks, $("plotted").value);
  const entries = data.entries.filter((entry) => entry.task === number);
  const task = data.tasks[number];
  $("plots-note").textContent = `${task.name}: ${task.population}; target ${task.target}; ${task.split}.`;
  const scores = data.scores[task.name];
  const kept = $("scattered").value;
  options($("scattered"), scores ? Object.keys(scores.methods).map((name) => [name, name]) : [["", "no scores here"]], kept);
  drawCost(entries);
  drawTrend(entries);
  drawScatter(scores);
  drawCorrelation(scores);
}
