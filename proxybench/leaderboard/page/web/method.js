// A method: what it is, how to use it, where it is good, and all its results.

// A line for each entry of the leaderboard, from a file of their own.
const LINE = ["method", "task", "n", "value", "low", "high", "rank", "marks", "seconds", "fit_s"];
let lines = null;

window.receiveLines = (content) => {
  lines = content.map((values) => {
    const line = Object.fromEntries(LINE.map((name, index) => [name, values[index]]));
    return { ...line, method: data.methods[line.method], task: data.tasks[line.task], complete: (line.marks & 1) === 1, ours: (line.marks & 2) === 2 };
  });
};

const methodLines = new Table($("method-table"), [
  { title: "Task", header: true, value: (row) => row.task.name, fill: (cell, row) => linkCell(cell, row.task.name, { benchmark: row.task.benchmark, task: row.task.name, ...(row.n ? { pool: row.method.kind, n: row.n } : {}) }) },
  { title: "Arguments", value: (row) => row.method.label.slice(row.method.name.length + 2) },
  { title: "Trained on", number: true, ascending: true, value: (row) => row.n || null },
  { title: "n", number: true, value: (row) => row.task.size, text: (row) => row.task.size.toLocaleString("en"), hint: "architectures of the task" },
  { title: "τ", number: true, value: (row) => row.value, fill: (cell, row) => barCell(cell, row.value) },
  { title: "95 % interval", value: (row) => row.low, text: (row) => limits(row.low, row.high) },
  { title: "Rank", number: true, ascending: true, value: (row) => row.rank, text: (row) => (row.rank === null ? "" : brief(row.rank)), hint: "within its pool on the task" },
  { title: "s/arch", number: true, ascending: true, value: (row) => row.seconds, text: (row) => brief(row.seconds), hint: "seconds per architecture" },
  { title: "Fit s", number: true, ascending: true, value: (row) => row.fit_s, text: (row) => brief(row.fit_s), hint: "seconds to fit" },
  { title: "Scores", value: (row) => (row.ours ? "" : "stored by the publishers"), text: (row) => (row.ours ? "computed by this project" : "stored by the publishers") },
]);

function snippet(name, kind) {
  const fact = data.about[name];
  if (kind === "predictor" && (!fact || fact.kind === "predictor")) {
    return `from predictors import make\n\nmodel = make("${name}", random_state=0).fit(architectures, accuracies)\nmodel.predict(others)`;
  }
  if (fact && fact.kind === "proxy") {
    const labels = fact.needs.includes("labels");
    return `import proxybench as pb\n\npb.score(network, images${labels ? ", labels" : ""}, proxies=["${name}"], seed=0)`;
  }
  return `proxybench run --method ${name}`;
}

// The heat map whose row of this method covers the most benchmarks.
function widest(name) {
  const found = data.heat.filter((heat) => !isSearch(heat)).flatMap((heat) => heat.rows.filter((row) => row.method === name && !row.variant).map((row) => ({ heat, row })));
  const worth = ({ heat, row }) => Object.keys(row.cells).length + (heat.n === DEFAULT_SIZE ? 0.5 : 0);
  return found.reduce((best, one) => (best === null || worth(one) > worth(best) ? one : best), null);
}

function verdict({ heat, row }) {
  const places = heat.columns.filter((column) => row.cells[column]).map((column) => {
    const others = heat.rows.filter((other) => other !== row && !other.variant && other.cells[column]);
    const params = heat.rows.find((other) => other.name === "params");
    return { column, beats: others.filter((other) => other.cells[column][0] < row.cells[column][0]).length, of: others.length, over: params && params !== row && params.cells[column] ? row.cells[column][0] - params.cells[column][0] : null };
  });
  const share = (place) => (place.of ? place.beats / place.of : 0.5);
  const sorted = [...places].sort((a, b) => share(b) - share(a));
  const [best, worst] = [sorted[0], sorted[sorted.length - 1]];
  const compared = places.filter((place) => place.over !== null);
  const better = compared.filter((place) => place.over > 0).map((place) => place.column);
  const text = (place) => `${place.column} (better than ${place.beats} of ${count(place.of, "other method")})`;
  return { places, text: [`Best on ${text(best)}${worst === best ? "" : `, worst on ${text(worst)}`}.`, compared.length ? `Better than the number of parameters on ${better.length} of ${count(compared.length, "benchmark")}${better.length && better.length < compared.length ? `: ${better.join(", ")}` : ""}.` : ""].join(" ") };
}

async function showMethod(state) {
  const name = state.method;
  const { kind } = data.methods[byName(data.methods, name)];
  $("method-title").textContent = name;
  $("method-what").textContent = kind;
  $("method-snippet").textContent = snippet(name, kind);
  showFacts(data.about[name] || {}, []);
  const found = widest(name);
  const judged = found ? verdict(found) : { places: [], text: "" };
  $("method-verdict").textContent = judged.text;
  drawProfile(found, judged.places);
  methodLines.show([]);
  $("method-without").textContent = "";
  $("method-wait").hidden = Boolean(lines);
  $("method-wait").textContent = "Loading …";
  try {
    await load(data.lines);
  } catch (error) {
    $("method-wait").textContent = missing("single tasks", error);
    return;
  }
  if (current().method !== name) return;
  $("method-wait").hidden = true;
  const own = lines.filter((line) => line.method.name === name);
  showFacts(data.about[name] || {}, own);
  const shown = own.filter((line) => line.value !== null).sort((a, b) => a.task.name.localeCompare(b.task.name) || a.n - b.n);
  methodLines.show(shown);
  const without = new Set(own.filter((line) => line.value === null).map((line) => line.task.name));
  $("method-without").textContent = without.size ? `Without a value on ${count(without.size, "task")}, where it is not supported, failed or gives every architecture the same score; the details of the tasks have the reason.` : "";
}

function showFacts(fact, own) {
  const seconds = own.map((line) => line.seconds).filter((one) => one !== null).sort((a, b) => a - b);
  const fits = own.map((line) => line.fit_s).filter((one) => one !== null).sort((a, b) => a - b);
  const span = (list) => (list.length ? `${brief(list[0])}${list.length > 1 ? ` to ${brief(list[list.length - 1])}` : ""} s` : "");
  const facts = [[fact.kind === "proxy" ? "Formula" : "What it is", fact.what], ["Source", fact.source], ["Needs", fact.needs && fact.kind === "proxy" ? fact.needs.join(", ") || "only the network" : ""],
    ["Per architecture", span(seconds)], ["To fit", span(fits)], ["Recorded on", own.length ? `${count(new Set(own.map((line) => line.task.name)).size, "task")} of ${count(new Set(own.map((line) => line.task.benchmark)).size, "benchmark")}` : ""]];
  $("method-facts").replaceChildren(...facts.filter(([, text]) => text).flatMap(([title, text]) => [element("dt", { textContent: title }), element("dd", { textContent: text })]));
}

function drawProfile(found, places) {
  if (!found) return draw("profile", [], "No complete result is recorded.");
  const { heat, row } = found;
  const rows = places.map(({ column, beats, of }) => {
    const cell = cellOf(row.cells[column]);
    return { place: column, value: cell.value, text: fixed(3)(cell.value), low: cell.low, high: cell.high, interval: limits(cell.low, cell.high), beats: `${beats} of ${of}`, href: address({ benchmark: column }) };
  });
  const marks = heat.rows.filter((other) => other !== row && !other.variant).flatMap((other) => rows.filter(({ place }) => other.cells[place]).map(({ place }) => ({ place, label: other.name, value: other.cells[place][0], text: fixed(3)(other.cells[place][0]) })));
  return draw("profile", rows, `Mean τ over the tasks of a benchmark, with its 95 % interval${heat.n ? `, trained on about ${count(heat.n, "architecture")}` : ""}. Ticks: the other methods.`, { marks, change: (spec) => { spec.height = 26 * rows.length; for (const layer of spec.layer) layer.encoding.y.sort = rows.map((one) => one.place); } });
}
