// Long lists: sort by a heading, filter by typing. Only the chosen order is remembered.
import { make, whenever } from "./dom.js";

const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

function keyOf(row, index) {
  const cell = row.cells[index];
  const text = (cell?.dataset.sort ?? cell?.textContent ?? "").trim();
  const number = Number.parseFloat(text.replace(",", ".").replace("−", "-"));
  return { text, number: /^[-−+]?\d/.test(text) ? number : Number.NaN };
}

function compare(a, b) {
  if (Number.isFinite(a.number) && Number.isFinite(b.number)) return a.number - b.number;
  if (!a.text !== !b.text) return a.text ? -1 : 1;
  return a.text.localeCompare(b.text, undefined, { numeric: true, sensitivity: "base" });
}

function sortBy(table, index, order) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading) => heading.removeAttribute("aria-sort"));
  headings[index].setAttribute("aria-sort", order);
  const sign = order === "descending" ? -1 : 1;
  for (const body of table.tBodies) {
    const keyed = [...body.rows].map((row) => [keyOf(row, index), row]);
    keyed.sort(([a], [b]) => sign * compare(a, b));
    body.append(...keyed.map(([, row]) => row));
  }
}

const remembered = (table) => `order of ${table.id}`;

function restore(table, count) {
  try {
    const [index, order] = JSON.parse(localStorage.getItem(remembered(table)) ?? "[]");
    if (index < count && ["ascending", "descending"].includes(order)) sortBy(table, index, order);
  } catch {
    localStorage.removeItem(remembered(table));
  }
}

whenever("table[data-sortable]", (table) => {
  const headings = [...(table.tHead?.rows[0]?.cells ?? [])];
  headings.forEach((heading, index) => {
    if ("nosort" in heading.dataset || !heading.textContent.trim()) return;
    const button = make("button", { type: "button" }, ...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const order = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      sortBy(table, index, order);
      if (table.id) localStorage.setItem(remembered(table), JSON.stringify([index, order]));
    });
  });
  if (table.id) restore(table, headings.length);
});

const rowsIn = (target) =>
  target.tBodies ? [...target.tBodies].flatMap((body) => [...body.rows]) : [...target.children];

// <input data-filter="#panels"> hides the rows of a table or list that lack one of the words.
whenever("input[data-filter]", (input) => {
  const status = make("span", { class: "note", role: "status" });
  input.after(status);
  const apply = () => {
    const target = document.querySelector(input.dataset.filter);
    if (!target) return;
    const words = fold(input.value).split(/\s+/).filter(Boolean);
    const rows = rowsIn(target);
    for (const row of rows) {
      const text = fold(row.textContent);
      row.hidden = !words.every((word) => text.includes(word));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    const counts = shown ? `${shown} of ${rows.length}` : `None of ${rows.length} fits`;
    status.textContent = words.length ? counts : "";
  };
  input.addEventListener("input", apply);
  document.addEventListener("htmx:afterSettle", () => input.isConnected && input.value && apply());
});
