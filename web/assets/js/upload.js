// The drop zone: takes files and folders and shows how their sending stands (queue: upload-queue.js).
//
// <form data-upload="/cases/…/files" data-reload="#files"> … <input type="file" multiple> …
import { make, whenever } from "./dom.js";
import { Queue } from "./upload-queue.js";

const LITTER = new Set([".DS_Store", "Thumbs.db", "desktop.ini"]);

async function* filesIn(entry) {
  if (entry.isFile) yield await new Promise((done, fail) => entry.file(done, fail));
  if (!entry.isDirectory) return;
  const reader = entry.createReader();
  for (;;) {
    // A reader hands out a folder in portions; an empty one ends it.
    const portion = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!portion.length) return;
    for (const inner of portion) yield* filesIn(inner);
  }
}

async function dropped(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  const files = [];
  for (const entry of entries) for await (const file of filesIn(entry)) files.push(file);
  return files;
}

const UNITS = ["bytes", "kB", "MB", "GB"];
function size(bytes) {
  let unit = 0;
  while (bytes >= 1000 && unit < UNITS.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  return `${unit && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${UNITS[unit]}`;
}

const left = (seconds) =>
  seconds < 60 ? "under a minute left" : `about ${Math.round(seconds / 60)} min left`;

class View {
  constructor(form) {
    this.form = form;
    this.line = make("p", { role: "status" });
    this.button = make("button", { type: "button", class: "button small" }, "Pause");
    this.bar = make("progress", { "aria-label": "All files" });
    this.total = make("div", { class: "upload-total", hidden: true }, this.line, this.button, this.bar);
    this.list = make("ul", { class: "uploads", "aria-label": "Being sent now" });
    this.refused = make("div", { class: "refused", role: "alert", hidden: true });
    form.append(this.total, this.list, this.refused);
    this.rows = new Map();
  }

  draw(queue) {
    const { files, done, refused, bytes, sent, speed, state, message } = queue.figures();
    this.total.hidden = files === 0;
    this.bar.max = Math.max(bytes, 1);
    this.bar.value = sent;
    const parts = [`${done} of ${files} files`, `${size(sent)} of ${size(bytes)}`];
    if (refused) parts.push(`${refused} refused`);
    if (state === "running" && speed) parts.push(left((bytes - sent) / speed));
    if (state === "finished") parts[1] = size(bytes);
    this.line.textContent = (message ? `${message} ` : "") + parts.join(" · ");
    this.button.hidden = state === "finished";
    this.button.textContent = state === "running" ? "Pause" : "Go on";
    this.drawActive(queue.active);
  }

  drawActive(active) {
    for (const [job, row] of this.rows) {
      if (active.has(job)) continue;
      row.remove();
      this.rows.delete(job);
    }
    for (const job of active) {
      if (!this.rows.has(job)) {
        const name = make("span", { class: "name" }, job.file.name);
        const bar = make("progress", { max: job.file.size || 1, "aria-label": job.file.name });
        const row = make("li", {}, name, bar, make("span", { class: "note" }, size(job.file.size)));
        this.rows.set(job, row);
        this.list.append(row);
      }
      this.rows.get(job).querySelector("progress").value = job.sent;
    }
  }

  refuse(job) {
    if (this.refused.hidden) {
      this.refused.append(make("strong", {}, "Refused; nothing of these was kept:"), make("ul"));
      this.refused.hidden = false;
    }
    this.refused.querySelector("ul").append(make("li", {}, `${job.file.name}: ${job.problem}`));
  }
}

function reload(form, hasRefused) {
  const target = form.dataset.reload;
  form.dispatchEvent(new CustomEvent("cpms:uploaded", { bubbles: true }));
  if (target) {
    const url = form.dataset.reloadUrl || location.href;
    globalThis.htmx.ajax("GET", url, { target, select: target, swap: "outerHTML" });
  } else if (!hasRefused) location.reload();
  else form.append(make("p", {}, make("a", { href: location.href, class: "button" }, "Show the files")));
}

whenever("[data-upload]", (form) => {
  const view = new View(form);
  const queue = new Queue(form.dataset.upload, {
    changed: () => view.draw(queue),
    refused: (job) => view.refuse(job),
    finished: () => reload(form, queue.figures().refused > 0),
  });
  view.button.addEventListener("click", () => queue.toggle());
  const take = (files) => queue.add([...files].filter((file) => !LITTER.has(file.name)));
  for (const input of form.querySelectorAll('input[type="file"]')) {
    input.addEventListener("change", () => {
      take(input.files);
      input.value = "";
    });
  }
  form.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  form.addEventListener("dragleave", (event) => {
    if (!form.contains(event.relatedTarget)) form.classList.remove("over");
  });
  form.addEventListener("drop", async (event) => {
    event.preventDefault();
    form.classList.remove("over");
    take(await dropped(event.dataTransfer));
  });
  addEventListener("beforeunload", (event) => {
    if (form.isConnected && queue.isBusy) event.preventDefault();
  });
});
