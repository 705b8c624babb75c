// The panel with the sources of a figure of the benchmark shown.

const dialog = $("details");
$("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

function open(title, ...parts) {
  $("details-title").textContent = title;
  $("details-body").replaceChildren(...parts.filter((part) => part !== null));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function definitions(title, pairs) {
  const given = pairs.filter(([, text]) => text !== null && text !== undefined && text !== "");
  const list = given.flatMap(([name, text]) => [element("dt", { textContent: name }), element("dd", { textContent: text })]);
  return given.length ? element("section", {}, element("h3", { textContent: title }), element("dl", {}, ...list)) : null;
}

function plainTable(title, heads, rows) {
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col", textContent: text })));
  const body = rows.map((cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, cell instanceof Node ? cell : String(cell ?? "")))));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
  const scroll = element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": title }, table);
  return element("section", {}, element("h3", { textContent: title }), scroll);
}

function showEntry(entry) {
  const task = taskOf(entry.task);
  const metrics = detail.metrics.flatMap((name) => {
    const mean = value(entry, name);
    const [sd = null, low = null, high = null] = entry.spread[name] || [];
    return mean === null ? [] : [{ name, mean, sd, low, high, over: sd === null ? "architectures" : "splits" }];
  });
  const overs = OVERS.filter((over) => metrics.some((row) => row.over === over && row.low !== null));
  const heads = overs.flatMap((over) => [`95 % lower limit over ${over}`, `95 % upper limit over ${over}`]);
  const cells = metrics.map((row) => [row.name, String(row.mean), row.sd ?? "",
    ...overs.flatMap((over) => (over === row.over ? [row.low ?? "", row.high ?? ""] : ["", ""]))]);
  const made = [...new Set(entry.runs.map((run) => run[5]))].map((number) => detail.provenance[number]);
  const file = element("a", { href: `${data.csv_folder}${encodeURIComponent(task.name)}.csv`, textContent: `${task.name}.csv` });
  const runs = entry.runs.map(([repeat, outcome, tau, rho, peak, number, message]) =>
    [repeat, outcome, tau, rho, peak, (detail.provenance[number].time || "").replace("T", " "), message]);
  open(`${entry.label} on ${task.name}`,
    definitions("Method", [["Method", entry.method], ["Kind", entry.kind], ["Parameters", entry.params || "default"], ["Trained on", count(entry.trained_on, "architecture")], ["Training part of the split", entry.n_train && !entry.trained_on ? count(entry.n_train, "architecture") : ""],
      ["Outcome", entry.outcome], ["Missing", entry.missing.join("; ") || "nothing"], ["Failed on", entry.failed ? count(entry.failed, "architecture") : ""],
      ...Object.entries(entry.cost).map(([name, cost]) => [name, String(cost)])]),
    definitions("Task", [["Task", `${task.name}, version ${task.version}`], ["Suites", task.suites.join(", ")], ["Benchmark", task.benchmark], ["Data set", task.dataset],
      ["Population", `${task.population} (${task.size.toLocaleString("en")})`], ["Split", task.split], ["Target", task.target], ["Table digest", task.table]]),
    element("p", {}, "All rows of this task: ", file),
    metrics.length ? plainTable("Metrics", ["metric", "mean", "standard deviation over splits", ...heads], cells) : null,
    plainTable("Repeats", ["repeat", "outcome", "τ", "ρ", "peak MB", "time", "message"], runs),
    ...made.map((found, index) => definitions(made.length > 1 ? `Made with (${index + 1} of ${made.length})` : "Made with", Object.entries(found))));
}
