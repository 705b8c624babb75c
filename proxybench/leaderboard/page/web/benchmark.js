// A benchmark: its card, and the results, charts and searches of its tasks. Its details are in a script of their own.

const details = {};
let detail = null; // the details of the benchmark shown
let taskShown = null;

window.receiveDetails = (name, content) => { details[name] = content; };

const value = (entry, name) => { const place = detail.metrics.indexOf(name); return place < 0 ? null : entry.values[place]; };
const taskOf = (name) => detail.tasks[byName(detail.tasks, name)];

const half = (entry, over) => {
  const [sd, low, high] = entry.spread.kendall || [];
  return high === undefined || low === null || (sd === null) !== (over === "architectures") ? null : (high - low) / 2;
};

const number = (title, name, hint, text = fixed(2), more = {}) => ({ title, number: true, value: (row) => value(row.entry, name), text: (row) => text(value(row.entry, name)), hint, ...more });
const RANKING = ["±, architectures", "±, splits", "ρ", "Of ceiling"];
const TOP = ["P@10", "Regret@1", "Best of 10"];
const COST = ["s/arch", "Fit s", "Trained", "Failed"];

// Metrics of the top that are recorded, besides those with a column of their own.
const topMetrics = () => [...new Set(Object.values(details).flatMap((one) => one.metrics))].filter((name) => /^(kendall_top|ndcg|precision_at_\d+_percent|recall|best_rank_top|br_at)/.test(name));
const topTitle = (name) => name.replace(/^kendall_top_(\d+)_percent$/, "τ in top $1 %").replace(/^precision_at_(\d+)_percent$/, "P@$1 %").replace(/^recall_at_(\d+)_percent$/, "R@$1 %").replace(/^ndcg_at_(\d+)$/, "nDCG@$1").replaceAll("_", " ");

const resultColumns = () => [
  { title: "Rank", number: true, ascending: true, always: true, value: (row) => row.rank, text: (row) => (row.rank === null ? "–" : brief(row.rank)), hint: "within the pool on the task" },
  { title: "Method", header: true, value: (row) => row.entry.label, fill: (cell, row) => linkCell(cell, row.entry.label, { method: row.entry.method }) },
  { title: "τ", number: true, always: true, value: (row) => value(row.entry, "kendall"), fill: (cell, row) => barCell(cell, value(row.entry, "kendall")), hint: "Kendall's tau-b" },
  ...OVERS.map((over) => ({ title: `±, ${over}`, number: true, value: (row) => half(row.entry, over), text: (row) => fixed(3)(half(row.entry, over)), hint: `half of the 95 % interval of τ, over ${over}` })),
  number("ρ", "spearman", "Spearman's rho", fixed(3)),
  number("Of ceiling", "share_of_ceiling", "τ as a share of the largest value that the noise of the target allows", percent),
  number("P@10", "precision_at_10", "share of the ten best by score that are among the ten best"),
  number("Regret@1", "regret_at_1", "best target minus target of the best by score", fixed(2), { ascending: true }),
  number("Best of 10", "best_rank_at_10", "true rank of the best among the ten best by score", brief, { ascending: true }),
  ...topMetrics().map((name) => number(topTitle(name), name, name.replaceAll("_", " "))),
  { title: "s/arch", number: true, ascending: true, value: (row) => row.entry.seconds, text: (row) => brief(row.entry.seconds), hint: "seconds per architecture" },
  { title: "Fit s", number: true, ascending: true, value: (row) => row.entry.fit_s, text: (row) => brief(row.entry.fit_s), hint: "seconds to fit" },
  { title: "Trained", number: true, ascending: true, value: (row) => row.entry.trained_on || null, hint: "architectures that the method was trained on" },
  { title: "Failed", number: true, ascending: true, value: (row) => row.entry.failed || null, hint: "architectures without a score" },
  { title: "Missing", value: (row) => row.entry.missing.join("; "), fill: (cell, row) => { if (row.entry.missing.length) cell.append(element("span", { className: "warn", textContent: `⚠ ${row.entry.missing.join("; ")}` })); } },
  { title: "Details", always: true, unsorted: true, value: () => null, fill: (cell, row) => detailsButton(cell, `${row.entry.label} on ${row.entry.task}`, () => showEntry(row.entry)) },
];
let results = null;

function showCard({ space, population, datasets, licence, citation, caveats }) {
  const facts = [["Space", space], ["Population", population], ["Data sets", datasets], ["Licence", licence], ["Citation", citation]].filter(([, text]) => text);
  const faults = caveats && caveats.length ? [element("dt", { textContent: "Known faults" }), element("dd", {}, element("ul", {}, ...caveats.map((text) => element("li", { textContent: text }))))] : [];
  $("benchmark-facts").replaceChildren(...facts.flatMap(([title, text]) => [element("dt", { textContent: title }), element("dd", { textContent: text })]), ...faults);
  $("benchmark-card").hidden = !facts.length && !faults.length;
}

async function showBenchmark(state) {
  const name = state.benchmark;
  const { section, title } = data.benchmarks[name];
  $("benchmark-title").textContent = name;
  $("benchmark-about").textContent = [data.sections[section], title].filter(Boolean).join(": ");
  $("benchmark-wait").hidden = Boolean(details[name]);
  $("benchmark-card").hidden = $("benchmark-body").hidden = !details[name];
  $("benchmark-wait").textContent = "Loading …";
  try {
    await load(data.files[name]);
  } catch (error) {
    $("benchmark-wait").textContent = missing(name, error);
    return;
  }
  if (current().benchmark !== name) return;
  if (detail !== details[name]) {
    detail = details[name];
    $("results-table").replaceChildren();
    results = new Table($("results-table"), resultColumns());
  }
  $("benchmark-wait").hidden = true;
  $("benchmark-body").hidden = false;
  showCard(detail.card);
  showTask(state);
  showSearches(state);
}

// The pools of a task: those without training together, the others by size.
function poolsOf(task) {
  const places = detail.ranks.filter(([, entry]) => detail.entries[entry].task === task);
  const groups = new Map();
  for (const [pool, entry, rank] of places) {
    const { name, n_train: n } = detail.pools[pool];
    const free = name.startsWith("training-free");
    const key = free ? "training-free" : name;
    if (!groups.has(key)) groups.set(key, { key, n, rows: new Map() });
    const rows = groups.get(key).rows;
    if (!rows.has(entry)) rows.set(entry, { rank, entry: detail.entries[entry], kind: detail.entries[entry].kind });
  }
  for (const group of groups.values()) {
    const rows = [...group.rows.values()];
    group.rows = group.key === "training-free" ? ranked(rows) : rows;
  }
  return [...groups.values()];
}

// Ranks among methods of several pools: as within one pool, complete entries first.
function ranked(rows) {
  const tau = (row) => value(row.entry, "kendall");
  const complete = rows.filter((row) => !row.entry.missing.length && tau(row) !== null).sort((a, b) => tau(b) - tau(a));
  const rank = (row) => (tau(row) === null ? null : 1 + complete.filter((other) => tau(other) > tau(row)).length + (complete.filter((other) => other !== row && tau(other) === tau(row)).length) / 2);
  return rows.map((row) => ({ ...row, rank: rank(row) })).sort((a, b) => (a.rank ?? Infinity) - (b.rank ?? Infinity) || tau(b) - tau(a) || a.entry.label.localeCompare(b.entry.label));
}

function showTask(state) {
  const size = (task) => Math.max(...poolsOf(task).map((pool) => pool.rows.filter((row) => !row.entry.params).length)) + (task in detail.scores ? 1000 : 0);
  const names = detail.tasks.map((task) => task.name);
  const most = names.reduce((best, task) => (size(task) > size(best) ? task : best), names[0]);
  options($("task"), names.map((task) => [task, task]), state.task ?? most);
  const task = $("task").value;
  const pools = poolsOf(task);
  const wanted = state.pool && state.n ? pools.find((pool) => pool.n === Number(state.n) && pool.key.startsWith(state.pool)) : pools.find((pool) => pool.key === state.pool);
  options($("pool"), pools.map((pool) => [pool.key, pool.key === "training-free" ? "without training" : pool.key.replace("n_train", "trained on")]), (wanted || pools[0]).key);
  options($("columns"), [...$("columns").options].map((option) => [option.value, option.textContent]), state.columns);
  const chosen = pools.find((pool) => pool.key === $("pool").value);
  const groups = { ranking: RANKING, top: [...TOP, ...topMetrics().map(topTitle)], cost: COST };
  results.show(chosen.rows, Object.entries(groups).filter(([name]) => name !== $("columns").value).flatMap(([, titles]) => titles));
  const shown = taskOf(task);
  $("results-note").replaceChildren(`${shown.population} (n = ${shown.size.toLocaleString("en")}); target: ${shown.target}; ${shown.split}. `, element("a", { href: `${data.csv_folder}${encodeURIComponent(task)}.csv`, textContent: "All rows as CSV" }));
  $("ranking").closest(".two").classList.toggle("stacked", $("columns").value === "top");
  drawRanking(chosen.rows);
  if (taskShown !== `${task} ${theme()}`) plot(task, (chosen.rows.find((row) => detail.scores[task] && row.entry.label in detail.scores[task].methods) || { entry: {} }).entry.label);
  taskShown = `${task} ${theme()}`;
}

function drawRanking(found) {
  const rows = found.filter((row) => value(row.entry, "kendall") !== null).map((row) => {
    const [, low, high] = row.entry.spread.kendall || [];
    return { label: row.entry.label, kind: row.kind, value: value(row.entry, "kendall"), text: fixed(3)(value(row.entry, "kendall")), low: low ?? null, high: high ?? null, interval: limits(low, high), rank: row.rank, href: address({ method: row.entry.method }) };
  });
  const ceiling = found.map((row) => value(row.entry, "noise_ceiling")).find((one) => one !== null && one !== undefined);
  const marks = ceiling ? [{ value: ceiling, text: `noise ceiling ${fixed(2)(ceiling)}` }] : [];
  draw("ranking", rows, rows.length ? `Kendall's τ with its 95 % interval.${ceiling ? ` Dashed: the noise of the target limits τ to ${fixed(2)(ceiling)}.` : ""}` : "No method of this task has a value.", {
    marks, change: (spec) => { spec.height = 18 * rows.length; for (const layer of spec.layer) if (layer.encoding.color) layer.encoding.color.legend.columns = $("ranking").clientWidth < 400 ? 1 : 2; spec.layer = spec.layer.filter((layer) => marks.length || layer.data === undefined); },
  });
}
