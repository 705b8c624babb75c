// Filters: they decide what the tables and charts show, and are part of the address, so that a view can be linked to.

const scopes = [...new Set(data.comparisons.map((comparison) => comparison.scope))];
const tasksOf = (scope) => [...new Set(data.comparisons.filter((c) => c.scope === scope).flatMap((c) => c.tasks))].sort((a, b) => a - b);
const STATE = { pool: "pool", scope: "scope", task: "task", text: "q", searched: "problem", budget: "trainings", "search-axis": "against", "search-band": "curves", "generation-problem": "generated" };

function remember() {
  const state = Object.entries(STATE).map(([id, key]) => [key, $(id).value]).filter(([, given]) => given);
  history.replaceState(null, "", `#${new URLSearchParams(state)}`);
}

function update() {
  const pool = byName(data.pools, $("pool").value);
  const scope = $("scope").value;
  const inScope = tasksOf(scope);
  options($("task"), [["", "every task"], ...inScope.map((number) => [data.tasks[number].name, data.tasks[number].name])], $("task").value);
  const task = byName(data.tasks, $("task").value);
  const words = $("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (...texts) => { const text = texts.join(" ").toLowerCase(); return words.every((word) => text.includes(word)); };

  const comparisons = data.comparisons.filter((c) => c.scope === scope && (pool < 0 || c.pool === pool));
  const found = comparisons.flatMap((comparison) => standings[data.comparisons.indexOf(comparison)]).filter((row) => matches(row.label, row.kind));
  overall.show(found, pool < 0 ? [] : ["Pool"]);
  const [only] = comparisons.length === 1 ? comparisons : [];
  $("overall-note").textContent = `${count(found.length, "method")}. ` + (only
    ? `Compared on ${only.compared_on.length} of ${count(only.tasks.length, "task")}.${found.some((row) => row.place === null) ? " A dash: the method lacks some of these." : ""}`
    : "Places are within a pool.") + (only && data.pools[only.pool].measure !== "kendall" ? ` Ranked by ${data.pools[only.pool].measure}.` : "");
  drawRanks(only);

  const rows = placed.filter((row) => inScope.includes(row.task) && (task < 0 || row.task === task) && (pool < 0 || row.pool === pool)
    && matches(row.entry.label, row.entry.kind, row.entry.outcome, data.tasks[row.task].name, data.tasks[row.task].benchmark, data.tasks[row.task].dataset));
  results.show(rows, [...(pool < 0 ? [] : ["Pool"]), ...(task < 0 ? [] : ["Task"])]);
  const shown = data.tasks[task];
  $("results-note").textContent = count(rows.length, "row") + (shown ? `: ${shown.population} (${shown.size.toLocaleString("en")}); target ${shown.target}; ${shown.split}.` : ".");
  $("more").hidden = rows.length <= results.most;
  $("more").textContent = `Show all ${rows.length.toLocaleString("en")} rows`;
  remember();
}

function start() {
  const given = new URLSearchParams(location.hash.slice(1));
  const plottable = (number) => data.entries.filter((entry) => entry.task === number && value(entry, "kendall") !== null)
    .reduce((sum, entry) => sum + (entry.seconds === null ? 1 : 4), 0);
  const sizes = data.tasks.map((task, number) => plottable(number) + (task.name in data.scores ? 1e6 : 0));
  const names = data.tasks.map((task) => [task.name, task.name]);
  options($("pool"), [...data.pools.map((pool) => [pool.name, pool.name]), ["", "all pools"]], given.get("pool") ?? data.pools[0].name);
  options($("scope"), scopes.map((scope) => [scope, scope]), given.get("scope"));
  options($("task"), [["", "every task"], ...names], given.get("task") ?? "");
  options($("plotted"), names, given.get("task") || names[sizes.indexOf(Math.max(...sizes))][0]);
  $("text").value = given.get("q") ?? "";
  const benchmarks = new Set(data.tasks.map((task) => task.benchmark)).size;
  const methods = new Set(data.entries.map((entry) => entry.method)).size;
  const records = data.entries.reduce((sum, entry) => sum + entry.runs.length, 0);
  $("summary").textContent = `${count(methods, "method")} on ${count(data.tasks.length, "task")} of ${count(benchmarks, "benchmark")}; ${count(records, "record")}.`;
  startSearches(given);
  startGeneration(given);
  update();
  plot();
}

for (const id of ["pool", "scope", "text"]) $(id).addEventListener("input", () => { results.most = MOST_ROWS; update(); });
$("task").addEventListener("input", () => {
  results.most = MOST_ROWS;
  update();
  if ($("task").value) { $("plotted").value = $("task").value; plot(); }
});
$("filters").addEventListener("submit", (event) => event.preventDefault());
$("filters").addEventListener("reset", (event) => {
  event.preventDefault();
  history.replaceState(null, "", "#");
  results.most = MOST_ROWS;
  start();
});
$("more").addEventListener("click", () => { results.most = Infinity; update(); $("results-table").closest(".scroll").focus(); });
for (const id of ["plotted", "cost-axis", "scattered", "score-axis"]) $(id).addEventListener("input", plot);
for (const id of ["searched", "budget", "search-axis", "search-band"]) $(id).addEventListener("input", () => { showSearches(); remember(); });
$("generation-problem").addEventListener("input", () => { showGenerated(); remember(); });
dark.addEventListener("change", () => { update(); plot(); showSearches(); showGenerated(); });
start();
