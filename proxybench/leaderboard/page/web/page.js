// The views of the page. The address says which one is shown and how, so that every view can be linked to.

const VIEWS = { front: showFront, methods: showMethods, benchmarks: showBenchmarks, benchmark: showBenchmark, method: showMethod, generation: showGenerated, about: showAbout };
// Controls of a view, and what they are called in the address; a new task or problem resets what depends on it.
const CONTROLS = {
  front: { size: "n", scope: "scope" },
  benchmark: { task: "task", pool: "pool", columns: "columns", searched: "problem", budget: "budget", "search-axis": "against", "search-band": "curves" },
  generation: { "generation-problem": "problem" },
};
const RESETS = { size: ["scope"], task: ["pool", "n"], pool: ["n"], searched: ["budget", "against", "curves"] };

const current = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

function viewOf(state) {
  if (state.benchmark in data.benchmarks) return "benchmark";
  if (data.methods.some((method) => method.name === state.method)) return "method";
  return ["methods", "benchmarks", "generation", "about"].includes(state.view) ? state.view : "front";
}

let shownView = null;

function show() {
  const state = current();
  const view = viewOf(state);
  for (const section of document.querySelectorAll(".view")) section.hidden = section.dataset.view !== view;
  const under = { method: "methods", benchmark: "benchmarks" }[view] || view;
  for (const item of document.querySelectorAll("nav a")) item.toggleAttribute("aria-current", item.dataset.view === under);
  const title = state.benchmark || state.method || "";
  document.title = view === "benchmark" || view === "method" ? `${title} – proxybench leaderboard` : "proxybench leaderboard";
  VIEWS[view](state);
  const place = `${view} ${title}`;
  if (shownView !== null && shownView !== place) scrollTo(0, 0);
  shownView = place;
}

function change(values) {
  history.replaceState(null, "", address({ ...current(), ...values }));
  show();
}

// All charts again, in the colours of the scheme.
function repaint() {
  $("theme").textContent = theme() === "dark" ? "Light" : "Dark";
  show();
}

function showAbout() {
  const year = data.date.slice(0, 4);
  $("cite").textContent = `@software{proxybench,\n  title = {proxybench: tabular NAS benchmarks, zero-cost proxies and accuracy predictors, ranked honestly},\n  author = {{The proxybench maintainers}},\n  version = {${data.version}},\n  year = {${year}}${data.repository ? `,\n  url = {${data.repository}}` : ""}\n}`;
  $("about-data").replaceChildren(`${count(data.records, "record")}${data.date ? `, the latest of ${data.date}` : ""}. The same figures are in CSV files next to this page: `, element("a", { href: `${data.csv_folder}leaderboard.csv`, textContent: "leaderboard.csv" }), " has all comparisons over tasks, and each task has a file.",
    ...(data.repository ? [" Source code: ", element("a", { href: data.repository, textContent: data.repository }), "."] : []));
}

for (const [view, controls] of Object.entries(CONTROLS)) {
  for (const [id, name] of Object.entries(controls)) {
    $(id).addEventListener("input", () => change({ ...Object.fromEntries((RESETS[id] || []).map((key) => [key, ""])), [name]: $(id).value }));
  }
}
$("variants").addEventListener("input", () => change({ variants: $("variants").checked ? "1" : "" }));
$("method-text").addEventListener("input", showMethods);
for (const id of ["cost-axis", "scattered", "score-axis"]) $(id).addEventListener("input", () => plot($("task").value));
$("heat-csv").addEventListener("click", downloadHeat);
$("ranks-csv").addEventListener("click", downloadRanks);
for (const [id, table, name] of [
  ["methods-csv", () => methodTable, () => "methods"], ["benchmarks-csv", () => benchmarkTable, () => "benchmarks"], ["results-csv", () => results, () => $("task").value],
  ["searches-csv", () => searchers, () => "searches"], ["method-csv", () => methodLines, () => current().method], ["generation-csv", () => generators, () => "generation"],
]) $(id).addEventListener("click", () => download(name(), table().csv()));

$("skip").addEventListener("click", (event) => { event.preventDefault(); $("main").focus(); });
$("theme").addEventListener("click", () => { document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark"; repaint(); });
dark.addEventListener("change", repaint);
addEventListener("hashchange", show);
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; if (viewOf(current()) === "front") show(); } });

$("stamp").replaceChildren([data.version && `version ${data.version}`, data.date && `records to ${data.date}`].filter(Boolean).join(" · "), ...(data.repository ? [" · ", element("a", { href: data.repository, textContent: "source code" })] : []));
$("generation-link").hidden = !generated.problems.length;
repaint();
