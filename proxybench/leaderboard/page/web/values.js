// The data of the page, and values as text and elements. All text comes from records and is inserted as text nodes, never
// as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const GUESTS = ["control", "cost"];
const OVERS = ["architectures", "splits"]; // what intervals are over; those over splits come with a standard deviation
const metric = Object.fromEntries(data.metrics.map((name, index) => [name, index]));
const value = (entry, name) => (name in metric ? entry.values[metric[name]] : null);
const taskOf = (entry) => data.tasks[entry.task];
const byName = (list, name) => list.findIndex((item) => item.name === name);

const fixed = (digits) => (number) => (number === null || number === undefined ? "" : number.toFixed(digits));
const brief = (number) => {
  if (number === null || number === undefined) return "";
  if (number !== 0 && Math.abs(number) < 0.001) return number.toExponential(1);
  return Number(number.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 });
};
const percent = (number) => (number === null || number === undefined ? "" : `${(100 * number).toFixed(0)} %`);
const count = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many || one + "s"}`;

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
