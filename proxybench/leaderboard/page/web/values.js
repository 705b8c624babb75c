// The data of the page, and values as text and elements. All text comes from records and is inserted as text nodes, never
// as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const GUESTS = ["control", "cost"];
const OVERS = ["architectures", "splits"]; // what intervals are over; those over splits come with a standard deviation
const byName = (list, name) => list.findIndex((item) => item.name === name);

const signed = (text) => text.replace(/^-(?=[0.]+$)/, "").replace(/^-/, "−"); // a minus sign, and none before zero
const fixed = (digits) => (number) => (number === null || number === undefined ? "" : signed(number.toFixed(digits)));
const short = (number) => fixed(2)(number).replace(/^(−?)0\./, "$1.");
const brief = (number) => {
  if (number === null || number === undefined) return "";
  if (number !== 0 && Math.abs(number) < 0.001) return signed(number.toExponential(1));
  return signed(Number(number.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 }));
};
const percent = (number) => (number === null || number === undefined ? "" : `${fixed(0)(100 * number)} %`);
const count = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many || one + "s"}`;
const limits = (low, high) => (low === null || low === undefined ? "" : `${fixed(3)(low)} to ${fixed(3)(high)}`);
const mean = (numbers) => (numbers.length ? numbers.reduce((sum, number) => sum + number, 0) / numbers.length : null);

// A file with more of the data: a script, which calls a function of this page. It is loaded once.
const waiting = {};

function load(file) {
  waiting[file] ??= new Promise((resolve, reject) => {
    const script = element("script", { src: file });
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => { delete waiting[file]; reject(new Error(file)); });
    document.head.append(script);
  });
  return waiting[file];
}

const missing = (figures, error) => `The figures of ${figures} are in ${error.message}, which is missing next to this page. To make it, run: proxybench leaderboard build.`;

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, given] of Object.entries(properties)) {
    if (name in made) made[name] = given;
    else made.setAttribute(name, given);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function options(select, choices, chosen) {
  select.replaceChildren(...choices.map(([key, text]) => element("option", { value: key, textContent: text })));
  select.value = choices.some(([key]) => key === chosen) ? chosen : (choices[0] || [""])[0];
}

// The address of a view. What is shown is in the part after "#", so that every view can be linked to.
const address = (state) => `#${new URLSearchParams(Object.entries(state).filter(([, value]) => value !== "" && value !== null && value !== undefined))}`;
const link = (text, state) => element("a", { href: address(state), textContent: text });

// Quotes where they are needed; no field that a spreadsheet would take for a formula.
const field = (value) => {
  let text = value === null || value === undefined ? "" : String(value);
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

function download(name, rows) {
  const text = rows.map((row) => `${row.map(field).join(",")}\n`).join("");
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  element("a", { href: address, download: `${name}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
