// A table that sorts by its columns.

// A column: title, hint, value(row) to sort by, and text(row) or fill(cell, row); `number` aligns to the right and sorts
// in descending order first unless `ascending`; `header` makes the cell the row's header; `always` keeps an empty column;
// the title of an `unsorted` column is for screen readers only.
class Table {
  constructor(node, columns, most = Infinity) {
    Object.assign(this, { node, columns, most, rows: [], sorted: null, down: false, shown: [] });
    this.head = node.appendChild(document.createElement("thead"));
    this.body = node.appendChild(document.createElement("tbody"));
  }

  show(rows, hidden = []) {
    this.rows = rows;
    const used = (column) => column.always || rows.some((row) => ![null, undefined, ""].includes(column.value(row)));
    const shown = this.columns.filter((column) => !hidden.includes(column.title) && used(column));
    if (!this.head.rows.length || shown.map((c) => c.title).join() !== this.shown.map((c) => c.title).join()) this.header(shown);
    this.fill();
  }

  header(shown) {
    this.shown = shown;
    if (!shown.includes(this.sorted)) this.sorted = null;
    const heads = shown.map((column) => {
      if (column.unsorted) return element("th", { scope: "col" }, element("span", { className: "unseen", textContent: column.title }));
      const button = element("button", { type: "button", textContent: column.title, title: column.hint || "" });
      button.addEventListener("click", () => this.sort(column));
      return element("th", { scope: "col", className: column.header ? "name" : column.number ? "number" : "" }, button);
    });
    this.head.replaceChildren(element("tr", {}, ...heads));
  }

  sort(column) {
    const first = Boolean(column.number && !column.ascending);
    this.down = this.sorted === column ? !this.down : first;
    this.sorted = column;
    this.fill();
  }

  ordered() {
    if (!this.sorted) return this.rows;
    const sign = this.down ? -1 : 1;
    const keyed = this.rows.map((row, index) => [this.sorted.value(row), index, row]);
    const none = (key) => key === null || key === undefined || key === "";
    keyed.sort(([a, i], [b, j]) => {
      if (none(a) || none(b)) return none(a) - none(b) || i - j;
      const order = typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
      return sign * order || i - j;
    });
    return keyed.map(([, , row]) => row);
  }

  fill() {
    [...this.head.rows[0].cells].forEach((cell, index) => {
      const sorted = this.shown[index] === this.sorted;
      if (!this.shown[index].unsorted) cell.setAttribute("aria-sort", sorted ? (this.down ? "descending" : "ascending") : "none");
    });
    this.body.replaceChildren(...this.ordered().slice(0, this.most).map((row) => this.row(row)));
  }

  row(row) {
    const cells = this.shown.map((column) => {
      const cell = element(column.header ? "th" : "td", { className: column.number ? "number" : "" });
      if (column.header) cell.scope = "row";
      if (column.fill) column.fill(cell, row);
      else cell.textContent = column.text ? column.text(row) : (column.value(row) ?? "");
      return cell;
    });
    return element("tr", { className: GUESTS.includes(row.kind) ? "guest" : "" }, ...cells);
  }

  // What is shown, as rows of values: the heads first.
  csv() {
    const columns = this.shown.filter((column) => !column.unsorted);
    return [columns.map((column) => column.title), ...this.ordered().map((row) => columns.map((column) => column.value(row)))];
  }
}

function linkCell(cell, text, state) {
  cell.append(link(text, state));
  cell.title = text;
}

function barCell(cell, number) {
  cell.classList.add("bar-cell");
  cell.style.setProperty("--share", `${Math.max(0, Math.min(1, number || 0)) * 100}%`);
  cell.append(fixed(3)(number));
}

function detailsButton(cell, name, open) {
  const button = element("button", { type: "button", textContent: "Details", "aria-label": `Details of ${name}` });
  button.addEventListener("click", open);
  cell.append(button);
}
