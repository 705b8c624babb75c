// The overview: the heat map of a group of methods, and their average ranks; the tables of all methods and benchmarks.

const GROUPS = { proxies: "Zero-cost proxies", predictors: "Predictors", "one-shot": "One-shot estimates", searchers: "Searchers" };
const CELL = ["value", "low", "high", "first", "tasks", "size", "trained", "same", "ours"];
const EVERYTHING = "everything";
const ORDER = ["published", "yours", "ours"]; // of sections
const DEFAULT_SIZE = 100;
const heatOf = (group, n) => data.heat.find((heat) => heat.group === group && (n === undefined || heat.n === n));
for (const heat of data.heat) {
  for (const row of heat.rows) row.cells = Object.fromEntries(heat.columns.map((name, index) => [name, row.cells[index]]).filter(([, cell]) => cell));
}
const cellOf = (values) => values && Object.fromEntries(CELL.map((name, index) => [name, values[index]]));
const sectionOf = (benchmark) => (data.benchmarks[benchmark] || { section: "published" }).section;
const isSearch = (heat) => heat.group === "searchers";
const methodAddress = (heat, row) => (isSearch(heat) ? "" : address({ method: row.method }));
let shownHeat = null;

function chosenHeat(state) {
  const groups = Object.keys(GROUPS).filter((group) => heatOf(group));
  const group = groups.includes(state.group) ? state.group : groups[0];
  $("groups").replaceChildren(...groups.map((name) => element("a", { href: address({ group: name === groups[0] ? "" : name }), textContent: GROUPS[name], className: name === group ? "chosen" : "", "aria-current": name === group ? "true" : "false" })));
  if (!group) return null;
  const sizes = data.heat.filter((heat) => heat.group === group).map((heat) => heat.n);
  const usual = group === "predictors" && sizes.includes(DEFAULT_SIZE) ? DEFAULT_SIZE : Math.max(...sizes);
  $("size-label").hidden = sizes.length < 2;
  $("size-label").firstChild.textContent = group === "searchers" ? "Budget in trainings " : "Trained on about ";
  options($("size"), sizes.map((n) => [String(n), group === "searchers" ? String(n) : `${n.toLocaleString("en")} architectures`]), state.n ?? String(usual));
  return heatOf(group, Number($("size").value));
}

function showFront(state) {
  const heat = chosenHeat(state);
  const names = new Set(data.methods.filter((method) => !GUESTS.includes(method.kind)).map((method) => method.name));
  const published = Object.values(data.benchmarks).filter((benchmark) => benchmark.section === "published").length;
  const ours = Object.keys(data.benchmarks).length - published;
  $("summary").textContent = `${count(names.size, "method")} on ${count(data.tasks.length, "task")} of ${count(published, "published benchmark")}${ours ? ` and ${count(ours, "small table")} of our own trainings` : ""}. Choose a square to see its tasks, or a name to see the method or benchmark.`;
  shownHeat = heat;
  if (!heat) return;
  $("variants").checked = state.variants === "1";
  const more = heat.rows.filter((row) => minor(heat, row)).length;
  $("variants-label").hidden = !more;
  $("variants-label").lastChild.textContent = ` with ${count(more, "variant or rare method", "variants and rare methods")}`;
  drawHeat(heat);
  showRanks(heat, state);
  showTotals(heat);
}

// Variants of a method with a row of its own, and methods of a single benchmark, are shown on demand.
const minor = (heat, row) => (row.variant && heat.rows.some((other) => !other.variant && other.method === row.method)) || (heat.columns.length > 2 && Object.keys(row.cells).length < 2);
const shownRows = (heat) => heat.rows.filter((row) => $("variants").checked || !minor(heat, row));

function heatRows(heat) {
  return shownRows(heat).flatMap((row) => heat.columns.flatMap((column) => {
    const cell = cellOf(row.cells[column]);
    if (!cell) return [];
    const strength = isSearch(heat) ? 1.6 * (cell.value - 0.5) : cell.value;
    const unit = isSearch(heat) ? "problem" : "task";
    const task = isSearch(heat) ? { problem: data.problems[cell.first] } : { task: data.tasks[cell.first].name };
    const pool = heat.group === "predictors" ? { pool: row.kind, n: cell.trained[0] } : {};
    return [{
      row: row.name, column, value: strength,
      text: `${short(cell.value)}${cell.same ? "" : "*"}${cell.ours ? "" : "†"}`,
      exact: fixed(3)(cell.value), mean: cell.value.toFixed(3), interval: limits(cell.low, cell.high) || "not known",
      on: `${count(cell.tasks, unit)}${cell.same ? "" : ` of ${heat.tasks[column]} or not all architectures`}; ${isSearch(heat) ? count(cell.size, "pair") + " of runs" : `n = ${cell.size.toLocaleString("en")}`}${cell.trained.length ? `; trained on ${[...new Set([cell.trained[0], cell.trained[cell.trained.length - 1]])].join(" to ")}` : ""}`,
      by: cell.ours ? "of this project" : "stored by the publishers",
      href: address({ benchmark: column, ...task, ...pool }), row_href: methodAddress(heat, row), column_href: address({ benchmark: column }),
      low: cell.low, high: cell.high, tasks: cell.tasks, size: cell.size,
    }];
  }));
}

const NARROWEST = 24; // pixels of a square

// A list cut into pieces of about equal length, at most `most` each.
function pieces(list, most) {
  const count = Math.ceil(list.length / Math.max(1, Math.floor(most)));
  return Array.from({ length: count }, (_, index) => list.slice(Math.round((index * list.length) / count), Math.round(((index + 1) * list.length) / count)));
}

function drawHeat(heat) {
  const rows = heatRows(heat);
  const sections = [...new Set(heat.columns.map(sectionOf))];
  const columnsOf = (section) => heat.columns.filter((column) => sectionOf(column) === section);
  const width = $("heat").clientWidth;
  const narrow = width < 640;
  const names = narrow ? 118 : 176;
  const wide = (width - names - 90 - 24 * (sections.length - 1)) / heat.columns.length;
  const stacked = wide < 34;
  const panels = sections.flatMap((section) => (stacked ? pieces(columnsOf(section), (width - names - 72) / NARROWEST) : [columnsOf(section)]).map((columns, index) => ({ section, columns, begins: index === 0 })));
  const most = Math.max(...panels.map(({ columns }) => columns.length));
  const step = Math.floor(Math.max(NARROWEST, Math.min(70, stacked ? (width - names - 72) / most : wide)));
  const height = (names) => 26 + 4.6 * Math.max(...names.map((name) => name.length));
  const above = height(heat.columns);
  const measure = isSearch(heat) ? "Share of runs with less regret than random search, paired by seed; .5 is no better than random." : "Mean Kendall's τ with the target over the tasks of a benchmark.";
  const marks = [rows.some((row) => row.text.includes("*")) && "* on only some of the column's tasks or architectures", rows.some((row) => row.text.includes("†")) && "† scores stored by the benchmark's publishers"].filter(Boolean);
  const rest = heat.group === "proxies" ? Object.keys(data.benchmarks).filter((name) => !heat.columns.includes(name) && data.benchmarks[name].training_free) : [];
  draw("heat", rows, `${measure} Rows are sorted by the mean difference from a column's mean${sections.length > 1 ? ` on ${(data.sections[sections[0]] || "").toLowerCase()}` : ""}; methods on fewer than a third of them follow.${marks.length ? ` Marks: ${marks.join("; ")}.` : ""}${rest.length ? ` No proxy is recorded on ${rest.join(", ")}.` : ""}${shownRows(heat).length < heat.rows.length ? " Not shown: variants, and methods with results on a single benchmark." : ""}`, {
    change: (spec) => {
      const [view] = spec.concat;
      spec.data = { name: "rows" };
      spec.columns = stacked ? 1 : sections.length;
      spec.spacing = stacked ? 18 : 24;
      spec.concat = panels.map(({ section, columns, begins }, index) => {
        const one = structuredClone(view);
        const shown = stacked ? shownRows(heat).filter((row) => columns.some((column) => row.cells[column])) : shownRows(heat);
        one.transform = [{ filter: { field: "column", oneOf: columns } }];
        if (sections.length > 1 && begins) one.layer.push(heading(data.sections[section], stacked ? height(columns) : above));
        one.width = { step };
        one.view = { fill: style("--gap") };
        one.encoding.x.scale.domain = columns;
        one.encoding.y.scale.domain = shown.map((row) => row.name);
        const [squares, numbers, rowNames] = one.layer;
        const { range, test, inside, outside } = HEAT[theme()];
        squares.encoding.color.scale.range = range;
        numbers.encoding.color = { condition: { test, value: inside }, value: outside };
        numbers.mark.fontSize = step < 34 ? 8.5 : 11;
        rowNames.mark.limit = names - 10;
        if (!stacked && index) one.layer = one.layer.filter((layer) => layer !== rowNames);
        else if (!stacked) rowNames.data = { name: "rows" };
        return one;
      });
    },
  });
}

const heading = (text, above) => ({ data: { values: [{}] }, mark: { type: "text", align: "left", fontSize: 12, fontWeight: "bold", text, x: 0, y: -above }, encoding: { x: null, y: null } });

function rankings(heat) {
  return data.ranks.filter((found) => found.group === heat.group && found.n === heat.n && found.tasks.length > 1);
}

const some = (names) => `${names.slice(0, 8).join(", ")}${names.length > 8 ? ` and ${names.length - 8} more` : ""}`;

function showRanks(heat, state) {
  const found = rankings(heat);
  $("ranks").closest("section").hidden = !found.length;
  if (!found.length) return;
  options($("scope"), found.map((one) => [one.section, one.section === EVERYTHING ? "All of these" : data.sections[one.section]]), state.scope ?? found[0].section);
  $("scope").parentElement.hidden = found.length < 2;
  const chosen = found.find((one) => one.section === $("scope").value);
  const left = chosen.left_out.length;
  $("ranks-rule").textContent = `${count(chosen.ranks.length, "method")} on the ${count(chosen.tasks.length, "task")} that all of them have, of ${chosen.of}: the largest set of methods and tasks without a gap. Tasks: ${some(chosen.tasks)}.${left ? ` Left out, because they lack some of these tasks: ${some(chosen.left_out)}.` : ""}`;
  const half = chosen.difference === null ? null : chosen.difference / 2;
  const rows = chosen.ranks.map(([label, rank]) => ({ label, rank, ...(half === null ? {} : { low: Math.max(1, rank - half), high: Math.min(chosen.ranks.length, rank + half) }) }));
  const p = chosen.p_value === null ? "undefined" : chosen.p_value < 1e-4 ? "< 0.0001" : `= ${brief(chosen.p_value)}`;
  const note = half === null ? "At least three methods on two tasks are needed to test which average ranks differ."
    : `If two bars do not overlap, the average ranks differ at the 5 % level (Nemenyi, critical difference ${fixed(2)(chosen.difference)}; Friedman p ${p}). ${apart(chosen)}`;
  const marks = half === null ? [] : [{ low: 1, high: Math.min(chosen.ranks.length, 1 + chosen.difference), text: `critical difference ${fixed(2)(chosen.difference)}` }];
  draw("ranks", rows, note, { marks, change: (spec) => { spec.height = 17 * rows.length; if (half === null) spec.layer = spec.layer.filter((layer) => layer.data === undefined); } });
}

// How many pairs of methods differ by more than the critical difference.
function apart({ ranks, difference }) {
  const pairs = ranks.flatMap(([, rank], place) => ranks.slice(place + 1).map(([, other]) => Math.abs(other - rank)));
  const far = pairs.filter((gap) => gap > difference).length;
  return far ? `This holds for ${far.toLocaleString("en")} of ${count(pairs.length, "pair")}.` : "No two methods differ that much.";
}

const summed = new Table($("totals-table"), [
  { title: "Searcher", header: true, value: (row) => row.label },
  ...data.baselines.flatMap(([, title], index) => [
    { title: `Better than ${title}`, number: true, always: true, value: (row) => row.better[index], text: (row) => ofAll(row.better[index], row.problems[index]) },
    { title: `Worse than ${title}`, number: true, ascending: true, always: true, value: (row) => row.worse[index], text: (row) => ofAll(row.worse[index], row.problems[index]) },
  ]),
  { title: "RI %", number: true, value: (row) => row.improvement, hint: "relative improvement over a random architecture, mean over problems" },
]);

function ofAll(number, problems) { return problems === undefined ? "" : `${number} of ${problems}`; }

function showTotals(heat) {
  $("totals").hidden = !isSearch(heat);
  if (!isSearch(heat)) return;
  const byLabel = Map.groupBy(data.totals.filter((total) => total[1] === heat.n), ([label]) => label);
  summed.show([...byLabel].map(([label, of]) => {
    const row = { label, better: [], worse: [], problems: [], improvement: of[0][6] };
    for (const [, , index, better, worse, problems] of of) { row.better[index] = better; row.worse[index] = worse; row.problems[index] = problems; }
    return row;
  }).sort((a, b) => (b.better[0] ?? -1) - (a.better[0] ?? -1) || a.label.localeCompare(b.label)));
  $("totals-note").textContent = `Number of problems on which a searcher with ${heat.n} trainings is significantly better or worse at the 5 % level, of those with results of both (Wilcoxon's test on paired seeds, with Holm's correction over problems). RI: relative improvement over a random architecture, mean over problems.`;
}

function downloadHeat() {
  const heads = ["group", "n", "method", "benchmark", "mean", "low", "high", "tasks", "size", "scores", "complete"];
  const rows = heatRows(shownHeat).map((row) => [shownHeat.group, shownHeat.n, row.row, row.column, row.mean, row.low, row.high, row.tasks, row.size, row.by, row.text.includes("*") ? "no" : "yes"]);
  download(`heat-${shownHeat.group}${shownHeat.n ? `-${shownHeat.n}` : ""}`, [heads, ...rows]);
}

function downloadRanks() {
  const chosen = rankings(shownHeat).find((one) => one.section === $("scope").value);
  download(`ranks-${chosen.group}-${chosen.section}`, [["method", "average_rank", "tasks", "critical_difference"], ...chosen.ranks.map(([label, rank]) => [label, rank, chosen.tasks.length, chosen.difference])]);
}

// The rows of the table of methods: means over the cells of the heat maps.
function methodRows() {
  return data.heat.filter((heat) => !isSearch(heat) && (heat.group !== "predictors" || heat.n === DEFAULT_SIZE)).flatMap((heat) => heat.rows.map((row) => {
    const cells = (section) => heat.columns.filter((column) => (sectionOf(column) === "published") === section && row.cells[column]).map((column) => row.cells[column][0]);
    const [published, own] = [cells(true), cells(false)];
    const timed = data.methods.find((method) => method.label === row.name);
    const ranked = rankings(heat).find((one) => one.section === "published");
    const found = ranked && ranked.ranks.find(([label]) => label === row.name);
    return { label: row.name, method: row.method, kind: row.kind, group: heat.group, published: mean(published), on: published.length, own: mean(own), onOwn: own.length,
      rank: found ? found[1] : null, seconds: timed ? timed.seconds : null, about: (data.about[row.method] || {}).source || "" };
  })).filter((row, index, all) => all.findIndex((other) => other.label === row.label) === index);
}

const methodTable = new Table($("methods-table"), [
  { title: "Method", header: true, value: (row) => row.label, fill: (cell, row) => linkCell(cell, row.label, { method: row.method }) },
  { title: "Mean τ, published", number: true, value: (row) => row.published, fill: (cell, row) => barCell(cell, row.published) },
  { title: "Benchmarks", number: true, value: (row) => row.on || null, hint: "published benchmarks" },
  { title: "Average rank", number: true, ascending: true, value: (row) => row.rank, text: (row) => fixed(2)(row.rank), hint: "over the common published tasks of its group" },
  { title: "Mean τ, own trainings", number: true, value: (row) => row.own, fill: (cell, row) => barCell(cell, row.own) },
  { title: "Tables", number: true, value: (row) => row.onOwn || null, hint: "tables of our own trainings" },
  { title: "s/arch", number: true, ascending: true, value: (row) => row.seconds, text: (row) => brief(row.seconds), hint: "median seconds per architecture" },
  { title: "Kind", value: (row) => row.kind },
  { title: "Source", value: (row) => row.about, fill: (cell, row) => { cell.classList.add("long"); cell.append(row.about); cell.title = row.about; } },
]);

function showMethods() {
  const words = $("method-text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = data.ranks.filter((one) => one.section === "published" && one.difference !== null && (one.group !== "predictors" || one.n === DEFAULT_SIZE) && one.group !== "searchers");
  $("methods-note").textContent = found.length ? `Average ranks are within a group, over the published tasks that its methods share; they differ at the 5 % level if they are further apart than the critical difference: ${found.map((one) => `${fixed(2)(one.difference)} for ${GROUPS[one.group].toLowerCase()}`).join(", ")}.` : "";
  methodTable.show(methodRows().filter((row) => words.every((word) => `${row.label} ${row.kind} ${row.about}`.toLowerCase().includes(word))));
}

const benchmarkTable = new Table($("benchmarks-table"), [
  { title: "Benchmark", header: true, value: (row) => row.name, fill: (cell, row) => linkCell(cell, row.name, { benchmark: row.name }) },
  { title: "Group", value: (row) => row.section },
  { title: "Architectures", number: true, value: (row) => row.size, text: (row) => row.size.toLocaleString("en"), hint: "in the largest task" },
  { title: "Tasks", number: true, value: (row) => row.tasks },
  { title: "Methods", number: true, value: (row) => row.methods },
  { title: "Best proxy", value: (row) => row.proxy, fill: (cell, row) => bestCell(cell, row.proxy), hint: "by mean τ in the heat map" },
  { title: "τ", number: true, value: (row) => row.proxyTau, text: (row) => fixed(2)(row.proxyTau) },
  { title: "Best predictor", value: (row) => row.predictor, fill: (cell, row) => bestCell(cell, row.predictor), hint: `trained on about ${DEFAULT_SIZE}` },
  { title: "τ ", number: true, value: (row) => row.predictorTau, text: (row) => fixed(2)(row.predictorTau) },
  { title: "What", value: (row) => row.title, fill: (cell, row) => { cell.classList.add("long"); cell.append(row.title); cell.title = row.title; } },
]);

function bestCell(cell, name) {
  if (data.methods.some((method) => method.name === name)) linkCell(cell, name, { method: name });
  else cell.append(name);
}

function bestOf(heat, benchmark) {
  const found = (heat ? heat.rows : []).filter((row) => !GUESTS.includes(row.kind) && !row.variant && row.cells[benchmark]).sort((a, b) => b.cells[benchmark][0] - a.cells[benchmark][0])[0];
  return found ? [found.name, found.cells[benchmark][0]] : ["", null];
}

function showBenchmarks() {
  benchmarkTable.show(Object.entries(data.benchmarks).map(([name, benchmark]) => {
    const tasks = data.tasks.filter((task) => task.benchmark === name);
    const [proxy, proxyTau] = bestOf(heatOf("proxies"), name);
    const [predictor, predictorTau] = bestOf(heatOf("predictors", DEFAULT_SIZE), name);
    return { name, section: { published: "published", ours: "own trainings", yours: "your own" }[benchmark.section], order: ORDER.indexOf(benchmark.section), title: benchmark.title || "", size: Math.max(...tasks.map((task) => task.size)), tasks: tasks.length,
      methods: benchmark.methods, proxy, proxyTau, predictor, predictorTau };
  }).sort((a, b) => a.order - b.order || a.name.localeCompare(b.name)));
}
