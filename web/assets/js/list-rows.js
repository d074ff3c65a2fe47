// Lists inside forms: add and remove a row without asking the server (contract: _fields.html).
import { announceAdded, whenever } from "./dom.js";

const own = (list, selector) =>
  [...list.querySelectorAll(selector)].find((found) => found.closest("[data-list]") === list);

const FOCUSABLE = "input:not([type=hidden]), select, textarea, button, summary";

// A number no row of this list has ever had on this page.
function freshNumber(list) {
  const used = [...list.querySelectorAll("[data-row]")]
    .filter((row) => row.closest("[data-list]") === list)
    .map((row) => Number(row.dataset.row) + 1);
  const number = Math.max(0, Number(list.dataset.next ?? 0), ...used.filter(Number.isFinite));
  list.dataset.next = number + 1;
  return number;
}

export const rowsOf = (list) => [...(own(list, "[data-rows]")?.children ?? [])];

export function addRow(list) {
  const template = own(list, "template[data-row-template]");
  const copy = document.createElement("template");
  const number = String(freshNumber(list));
  copy.innerHTML = template.innerHTML.replaceAll(template.dataset.placeholder, number);
  const row = copy.content.querySelector("[data-row]");
  own(list, "[data-rows]").append(row);
  globalThis.htmx?.process(row);
  announceAdded(row);
  return row;
}

const changed = (list) => list.dispatchEvent(new Event("change", { bubbles: true }));

export function removeRow(row) {
  const list = row.closest("[data-list]");
  const next = row.nextElementSibling ?? row.previousElementSibling;
  const target = next?.querySelector("[data-remove-row]") ?? own(list, "[data-add-row]");
  row.remove();
  target?.focus();
  changed(list);
}

// A list of findings adds through its own box (findings.js).
whenever("[data-list]:not([data-findings]) [data-add-row]", (button) => {
  button.addEventListener("click", (event) => {
    const list = button.closest("[data-list]");
    if (!own(list, "template[data-row-template]")) return;
    event.preventDefault();
    addRow(list).querySelector(FOCUSABLE)?.focus();
    changed(list);
  });
});

whenever("[data-list] [data-remove-row]", (button) => {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    removeRow(button.closest("[data-row]"));
  });
});

// A field was checked on leaving it: what is wrong stands in its slot, the input says so too.
document.addEventListener("htmx:afterSwap", (event) => {
  const slot = event.detail.target;
  if (!slot?.matches?.(".field-error")) return;
  const isWrong = slot.textContent.trim() !== "";
  for (const input of document.querySelectorAll(`[aria-describedby~="${CSS.escape(slot.id)}"]`)) {
    if (isWrong) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
});

whenever("[data-error-summary]", (summary) => summary.focus());
