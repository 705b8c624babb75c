// The columns of the two tables.

const STANDING = ["label", "kind", "place", "average", "own", "ranked", "wins", "kendall", "spearman", "seconds", "fit_s"];
const standings = data.comparisons.map((comparison) =>
  comparison.standings.map((found) => Object.assign(Object.fromEntries(STANDING.map((name, i) => [name, found[i]])), { comparison })));
const placed = data.ranks.map(([task, pool, entry, rank]) => ({ task, pool, rank, entry: data.entries[entry], kind: data.entries[entry].kind }));

const overall = new Table($("overall-table"), [
  { title: "Place", number: true, ascending: true, always: true, value: (row) => row.place, text: (row) => row.place ?? "–", hint: "by average rank over the compared tasks" },
  { title: "Method", header: true, value: (row) => row.label, fill: (cell, row) => methodCell(cell, row.label) },
  { title: "Pool", value: (row) => data.pools[row.comparison.pool].name },
  { title: "Avg rank", number: true, ascending: true, always: true, value: (row) => row.average, text: (row) => fixed(2)(row.average), hint: "over the compared tasks, among the compared methods" },
  { title: "Own avg", number: true, ascending: true, value: (row) => row.own, text: (row) => fixed(2)(row.own), hint: "average rank over every task on which the method is ranked" },
  { title: "Ranked on", number: true, value: (row) => row.ranked, text: (row) => `${row.ranked}/${row.comparison.tasks.length}`, hint: "tasks" },
  { title: "Wins", number: true, value: (row) => row.wins, hint: "tasks on which no method ranks before it" },
  { title: "Mean τ", number: true, value: (row) => row.kendall, fill: (cell, row) => barCell(cell, row.kendall), hint: "Kendall's tau-b over its own tasks" },
  { title: "Mean ρ", number: true, value: (row) => row.spearman, text: (row) => fixed(3)(row.spearman), hint: "Spearman's rho over its own tasks" },
  { title: "s/arch", number: true, ascending: true, value: (row) => row.seconds, text: (row) => brief(row.seconds), hint: "seconds per architecture" },
  { title: "Fit s", number: true, ascending: true, value: (row) => row.fit_s, text: (row) => brief(row.fit_s), hint: "seconds to fit" },
  { title: "Details", always: true, unsorted: true, value: () => null, fill: (cell, row) => detailsButton(cell, row.label, () => showStanding(row)) },
]);

const half = (entry, over) => {
  const [sd, low, high] = entry.spread.kendall || [];
  return high === undefined || (sd === null) !== (over === "architectures") ? null : (high - low) / 2;
};

const MOST_ROWS = 200;
const results = new Table($("results-table"), [
  { title: "Rank", number: true, ascending: true, always: true, value: (row) => row.rank, text: (row) => row.rank ?? "–", hint: "within the pool on the task" },
  { title: "Method", header: true, value: (row) => row.entry.label, fill: (cell, row) => methodCell(cell, row.entry.method, row.entry.params) },
  { title: "Task", value: (row) => data.tasks[row.task].name },
  { title: "Pool", value: (row) => data.pools[row.pool].name },
  { title: "τ", number: true, always: true, value: (row) => value(row.entry, "kendall"), fill: (cell, row) => barCell(cell, value(row.entry, "kendall")), hint: "Kendall's tau-b" },
  ...OVERS.map((over) => ({ title: `± over ${over}`, number: true, value: (row) => half(row.entry, over), text: (row) => fixed(3)(half(row.entry, over)), hint: `half of the 95 % interval of τ, over ${over}` })),
  { title: "ρ", number: true, value: (row) => value(row.entry, "spearman"), text: (row) => fixed(3)(value(row.entry, "spearman")), hint: "Spearman's rho" },
  { title: "P@10", number: true, value: (row) => value(row.entry, "precision_at_10"), text: (row) => fixed(2)(value(row.entry, "precision_at_10")), hint: "share of the ten best by score that are among the ten best" },
  { title: "Regret@1", number: true, ascending: true, value: (row) => value(row.entry, "regret_at_1"), text: (row) => fixed(2)(value(row.entry, "regret_at_1")), hint: "best target minus target of the best by score" },
  { title: "Of ceiling", number: true, value: (row) => value(row.entry, "share_of_ceiling"), text: (row) => percent(value(row.entry, "share_of_ceiling")), hint: "τ as a share of the largest value that the noise of the target allows" },
  { title: "s/arch", number: true, ascending: true, value: (row) => row.entry.seconds, text: (row) => brief(row.entry.seconds), hint: "seconds per architecture" },
  { title: "Fit s", number: true, ascending: true, value: (row) => row.entry.fit_s, text: (row) => brief(row.entry.fit_s), hint: "seconds to fit" },
  { title: "Trained", number: true, ascending: true, value: (row) => row.entry.trained_on || null, hint: "architectures that the method was trained on" },
  { title: "Failed", number: true, ascending: true, value: (row) => row.entry.failed || null, hint: "architectures without a score" },
  { title: "Missing", value: (row) => row.entry.missing.join("; "), fill: (cell, row) => { if (row.entry.missing.length) cell.append(element("span", { className: "warn", textContent: `⚠ ${row.entry.missing.join("; ")}` })); } },
  { title: "Details", always: true, unsorted: true, value: () => null, fill: (cell, row) => detailsButton(cell, `${row.entry.label} on ${data.tasks[row.task].name}`, () => showEntry(row.entry)) },
], MOST_ROWS);
