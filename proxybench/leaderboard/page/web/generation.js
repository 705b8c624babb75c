// Generated architectures: the results of each method for its number of predictions, and the distribution of accuracies.

const generated = data.generation;

const gainOver = (index) => ({
  title: `Ranks gained over ${generated.baselines[index]}`,
  number: true,
  value: (row) => (row.against[index] ? row.against[index][0] : null),
  text: (row) => {
    const gain = row.against[index];
    return gain ? `${brief(gain[0])}${gain[1] === null ? "" : ` ±${brief(gain[1])}`} (${percent(gain[2])})` : "";
  },
  hint: "mean difference of the mean ranks, paired by seed, with its 95 % interval; in brackets, the share of seeds where it is positive",
});

const generators = new Table($("generation-table"), [
  { title: "Method", header: true, value: (row) => row.label, fill: (cell, row) => { cell.append(row.label); cell.title = row.note || row.label; } },
  { title: "Predictions", number: true, ascending: true, always: true, value: (row) => row.calls, text: (row) => row.calls.toLocaleString("en"), hint: "number of predictions that a run used" },
  { title: "Mean rank", number: true, ascending: true, value: (row) => row.rank, text: (row) => `${brief(row.rank)}${row.half === null ? "" : ` ±${brief(row.half)}`}`, hint: "of the generated architectures, by the true objective; 95 % interval over seeds" },
  { title: "Top %", number: true, ascending: true, value: (row) => row.top, text: (row) => fixed(2)(row.top), hint: "the mean rank as a share of the population" },
  { title: "Median", number: true, value: (row) => row.median, hint: "of the objective" },
  { title: "Best of ten", number: true, value: (row) => row.best, text: (row) => fixed(2)(row.best), hint: "by the reported quantity; median over seeds" },
  ...generated.baselines.map((_, index) => gainOver(index)),
  { title: "Seconds", number: true, ascending: true, value: (row) => row.seconds, text: (row) => brief(row.seconds), hint: "processor seconds of a run" },
  { title: "Runs", number: true, value: (row) => row.runs },
  { title: "Note", value: (row) => row.note, fill: (cell, row) => { cell.classList.add("long"); cell.append(row.note); cell.title = row.note; } },
]);

const label = (method) => (method.calls ? `${method.label}, ${method.calls.toLocaleString("en")}` : method.label);

function drawGenerated(problem) {
  const spread = (name, counts) => {
    const all = counts.reduce((sum, number) => sum + number, 0);
    return counts.slice(1).map((number, place) => {
      const [low, high] = [problem.edges[place], problem.edges[place + 1]];
      return { label: name, at: (low + high) / 2, share: (100 * number) / all, bin: `${low} to ${high}`, text: `${fixed(1)((100 * number) / all)} %` };
    });
  };
  const rows = [[problem.population, problem.counts], ...problem.methods.map((method) => [label(method), method.counts])].flatMap(([name, counts]) => spread(name, counts));
  const lowest = (counts) => counts[0] / counts.reduce((sum, number) => sum + number, 0);
  const below = [[problem.population, problem.counts], ...problem.methods.map((method) => [label(method), method.counts])]
    .filter(([, counts]) => lowest(counts) >= 0.005).map(([name, counts]) => `${name} ${percent(lowest(counts))}`);
  draw("generated", rows, `Share of architectures by ${problem.objective}. ${below.length ? `Below ${problem.edges[0]}: ${below.join("; ")}; for all others less than half a percent.` : `Less than half a percent is below ${problem.edges[0]}.`}`, { change: (spec) => { spec.encoding.x.title = problem.objective; } });
}

function showGenerated(state) {
  if (!generated.problems.length) return;
  options($("generation-problem"), generated.problems.map((problem) => [problem.name, problem.name]), state.problem);
  const problem = generated.problems[byName(generated.problems, $("generation-problem").value)];
  const rows = problem.methods.map((method) => ({ ...method, top: (100 * method.rank) / problem.size })).sort((a, b) => a.rank - b.rank);
  $("generation-note").textContent = `${problem.benchmark} ${problem.dataset}: a run generates ${problem.architectures} architectures of ${problem.population} and may use predictions of ${problem.objective} (${problem.split}). Best of ten is by ${problem.report}. Ranks gained: mean with its 95 % interval and, in brackets, the share of seeds with a gain.`;
  generators.show(rows);
  drawGenerated(problem);
}
