// Searches on a benchmark: the searchers on one problem, and their best-so-far curves.

const MOST_CURVES = 6;
const HINDSIGHT = "in hindsight";
const BANDS = { median: "median and quartiles", mean: "mean and 95 % interval", reported: "mean of the reported quantity" };
const AXES = { trainings: "trainings", seconds: "simulated training time" };
let picked = null; // labels of the curves that the reader has chosen; null before

const against = (index) => ({
  title: `Vs ${data.baselines[index][1]}`,
  value: (row) => (row.against[index] ? row.against[index][0] : null),
  text: (row) => { const test = row.against[index]; return test ? `${test[2]} (p ${test[1] < 1e-4 ? "< .0001" : brief(test[1])})` : ""; },
  hint: `Wilcoxon's signed-rank test on the regrets, paired by seed; p corrected over problems (Holm). Sorts by the share of seeds won against ${data.baselines[index][0]}`,
});

const searchers = new Table($("searches-table"), [
  { title: "Curve", always: true, unsorted: true, value: () => null, fill: pickCell },
  { title: "Searcher", header: true, value: (row) => row.label, fill: (cell, row) => { cell.append(row.label); cell.title = [row.label, row.note].filter(Boolean).join(": "); } },
  { title: "Regret", number: true, ascending: true, value: (row) => row.regret, text: (row) => brief(row.regret), hint: "mean difference between the optimum of the population and the architecture returned" },
  { title: "Median rank", number: true, ascending: true, value: (row) => row.rank[0], text: (row) => (row.rank[1] === null ? String(row.rank[0]) : `${row.rank[0]} (${row.rank[1]}–${row.rank[2]})`), hint: "of the architectures returned, by the reported quantity; 95 % interval" },
  { title: "Value", number: true, value: (row) => row.value, hint: "median objective of the architectures returned" },
  { title: "Reported", number: true, value: (row) => row.reported, hint: "mean of the reported quantity" },
  { title: "RI %", number: true, value: (row) => row.improvement, hint: "mean relative improvement over a random architecture" },
  ...data.baselines.map((_, index) => against(index)),
  { title: "Train h", number: true, ascending: true, value: (row) => row.train_s, text: (row) => brief(row.train_s === null ? null : row.train_s / 3600), hint: "simulated training hours of a run" },
  { title: "Run s", number: true, ascending: true, value: (row) => row.wall_s, text: (row) => brief(row.wall_s), hint: "seconds of a run, without training" },
  { title: "Runs", number: true, value: (row) => row.runs },
]);

function pickCell(cell, row) {
  const box = element("input", { type: "checkbox", checked: shownLabels().includes(row.label) });
  box.addEventListener("change", () => {
    const labels = new Set(shownLabels());
    if (box.checked) labels.add(row.label); else labels.delete(row.label);
    picked = labels;
    drawSearch();
  });
  cell.append(element("label", { className: "pick" }, box, element("span", { className: "unseen", textContent: `Curve of ${row.label}` })));
}

const problemSearched = () => detail.searches.find((problem) => problem.task === $("searched").value);
const searchedRows = () => problemSearched().searchers.filter((row) => String(row.budget) === $("budget").value).sort((a, b) => a.regret - b.regret);

// The baselines and the best of the others, unless the reader has chosen; a metric chosen in hindsight is not a searcher.
function shownLabels() {
  const rows = searchedRows();
  if (picked) return rows.filter((row) => picked.has(row.label)).map((row) => row.label);
  const basic = data.baselines.map(([label]) => label);
  const others = rows.filter((row) => !basic.includes(row.label) && !row.label.includes(HINDSIGHT)).slice(0, MOST_CURVES - basic.length);
  return rows.filter((row) => basic.includes(row.label) || others.includes(row)).map((row) => row.label);
}

function drawSearch() {
  const axis = $("search-axis").value;
  const kind = $("search-band").value;
  const problem = problemSearched();
  const labels = shownLabels();
  const hours = axis === "seconds";
  const rows = searchedRows().filter((row) => labels.includes(row.label) && row.curves[axis] && row.curves[axis][kind]).flatMap((row) => {
    const curve = row.curves[axis];
    return curve.at.map((at, place) => {
      const value = curve[kind][place];
      const half = kind === "mean" && curve.half ? curve.half[place] : null;
      const [low, high] = kind === "median" ? [curve.low[place], curve.high[place]] : half === null ? [null, null] : [value - half, value + half];
      return { label: row.label, at: hours ? at / 3600 : at, paid: hours ? `${brief(at / 3600)} h` : count(at, "training"), value, low, high,
        text: String(Number(value.toPrecision(6))), band: low === null ? "" : `${Number(low.toPrecision(6))} to ${Number(high.toPrecision(6))}` };
    });
  });
  const quantity = kind === "reported" ? problem.report : problem.objective;
  const marks = kind === "reported" || !rows.length ? [] : [{ label: "optimum of the population", value: problem.optimum }];
  const limits = rows.length ? range(rows, problem.optimum) : null;
  const note = rows.length ? `${BANDS[kind]} over ${count(Math.min(...searchedRows().map((row) => row.runs)), "run")} or more${marks.length ? "; dotted: the optimum of the population" : ""}.` : "The chosen searchers have no curves here.";
  draw("search", rows, note[0].toUpperCase() + note.slice(1), { marks, change: (spec) => {
    for (const layer of spec.layer) {
      layer.mark.clip = true;
      layer.encoding.y.scale = { zero: false, domain: limits, nice: false };
      if (layer.encoding.x) layer.encoding.x.title = hours ? "simulated training hours" : "trainings";
      layer.encoding.y.title = quantity;
      if (layer.encoding.color) layer.encoding.color.scale = { domain: labels };
    }
  } });
}

// The range of the curves without the first third of their points, since weak starts would hide the rest.
function range(rows, optimum) {
  const byLabel = [...Map.groupBy(rows, (row) => row.label).values()];
  const later = byLabel.flatMap((of) => of.slice(Math.floor(of.length / 3))).flatMap((row) => [row.value, row.low ?? row.value, row.high ?? row.value]);
  if ($("search-band").value !== "reported") later.push(optimum);
  const [low, high] = [Math.min(...later), Math.max(...later)];
  const margin = 0.04 * (high - low) || 1;
  return [low - margin, high + margin];
}

function showSearches(state) {
  $("searches").hidden = !detail.searches.length;
  if (!detail.searches.length) return;
  const most = detail.searches.reduce((best, problem) => (best.searchers.length >= problem.searchers.length ? best : problem));
  options($("searched"), detail.searches.map((problem) => [problem.task, problem.name]), state.problem ?? most.task);
  const problem = problemSearched();
  const budgets = [...new Set(problem.searchers.map((row) => row.budget))].sort((a, b) => a - b);
  options($("budget"), budgets.map((budget) => [String(budget), String(budget)]), state.budget ?? String(budgets[budgets.length - 1]));
  const timed = searchedRows().some((row) => row.curves.seconds);
  options($("search-axis"), Object.entries(AXES).filter(([axis]) => axis === "trainings" || timed), state.against);
  options($("search-band"), Object.entries(BANDS).filter(([kind]) => kind !== "reported" || problem.report), state.curves);
  $("searches-note").textContent = `${problem.size.toLocaleString("en")} candidates, ${problem.population}. A query returns ${problem.objective}${problem.report ? `; reported: ${problem.report}` : ""}. Optimum ${problem.optimum}.`;
  searchers.show(searchedRows());
  drawSearch();
}
