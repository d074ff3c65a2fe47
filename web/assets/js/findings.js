// Findings: the box adds rows, each row says present or absent (contract: _fields.html).
import { make, whenever } from "./dom.js";
import { addRow, removeRow, rowsOf } from "./list-rows.js";

const part = (row, name) => row.querySelector(`[data-finding-${name}]`);

function setAbsent(row, isAbsent) {
  part(row, "absent").checked = isAbsent;
  row.dataset.state = isAbsent ? "absent" : "present";
}

function openMore(row, name) {
  const more = row.querySelector(".finding-more");
  if (!more) return;
  more.open = true;
  part(row, name)?.focus();
}

function changed(row) {
  part(row, "absent").dispatchEvent(new Event("change", { bubbles: true }));
}

function flash(row) {
  row.classList.add("just-added");
  setTimeout(() => row.classList.remove("just-added"), 1500);
  row.scrollIntoView({ block: "nearest" });
}

function addFinding(list, { term, isAbsent }) {
  const words = `${term.label} ${term.code}`;
  const same = rowsOf(list).find((row) => part(row, "term")?.value.endsWith(` ${term.code}`));
  const row = same ?? addRow(list);
  if (!same) {
    part(row, "term").value = words;
    part(row, "label").textContent = term.label;
    part(row, "code").textContent = term.code;
    row.setAttribute("aria-label", words);
  }
  setAbsent(row, isAbsent);
  changed(row);
  flash(row);
  const state = isAbsent ? "absent" : "present";
  return same ? `${term.label} was there already, now ${state}.` : `${term.label} added as ${state}.`;
}

whenever("[data-findings]", (list) => {
  const said = make("p", { class: "visually-hidden", role: "status" });
  list.append(said);
  list.addEventListener("cpms:term-chosen", (event) => {
    const box = event.target;
    if (!("findingsNew" in box.dataset)) return;
    event.preventDefault();
    box.value = "";
    said.textContent = addFinding(list, event.detail);
    box.focus();
  });
  list.addEventListener("change", (event) => {
    const row = event.target.closest("[data-row]");
    if (row && event.target === part(row, "absent")) setAbsent(row, event.target.checked);
  });
  list.addEventListener("keydown", (event) => onKey(list, event));
});

// In the box Alt+O and Alt+N go to the last finding's onset and note; on a row the bare keys do.
function onKey(list, event) {
  if (event.ctrlKey || event.metaKey) return;
  const row = event.target.closest("[data-row]");
  const isText = event.target.matches("input:not([type=checkbox]), textarea");
  const name = { KeyO: "onset", KeyN: "note" }[event.code];
  if (!row && event.altKey && name) {
    const last = rowsOf(list).at(-1);
    if (last) act(event, () => openMore(last, name));
  } else if (row && !isText && !event.altKey) onRowKey(row, event, name);
}

function onRowKey(row, event, name) {
  if (name) return act(event, () => openMore(row, name));
  if (["-", "−", "a", "A"].includes(event.key)) {
    act(event, () => {
      setAbsent(row, !part(row, "absent").checked);
      changed(row);
    });
  } else if (event.key === "Delete") act(event, () => removeRow(row));
}

function act(event, what) {
  event.preventDefault();
  what();
}
