// Sends files three at a time, one request each; pauses, goes on after a lost connection.
import { renewToken, token } from "./csrf.js";

const PARALLEL = 3;
const MOST_FAILURES = 3;
const WAIT = 5_000; // milliseconds before a lost connection is tried again

function sentence(request) {
  try {
    return JSON.parse(request.responseText).error || "The site refused it.";
  } catch {
    return request.status === 413 ? "It is larger than this site accepts." : "The site refused it.";
  }
}

// XMLHttpRequest, for fetch cannot say how much of a body has gone out.
function send(url, job, changed) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    job.request = request;
    request.open("POST", url);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-File-Name", encodeURIComponent(job.file.name));
    request.setRequestHeader("X-CSRF-Token", token());
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => {
      job.sent = event.loaded;
      changed();
    });
    request.addEventListener("loadend", () => resolve(request));
    request.send(job.file);
  });
}

export class Queue {
  constructor(url, { changed, refused, finished }) {
    this.url = url;
    this.on = { refused, finished };
    this.jobs = [];
    this.active = new Set();
    this.state = "finished";
    this.message = "";
    this.changed = () => {
      this.frame ??= requestAnimationFrame(() => {
        this.frame = null;
        changed();
      });
    };
    addEventListener("online", () => this.state === "waiting" && this.resume());
  }

  get isBusy() {
    return this.state !== "finished";
  }

  add(files) {
    if (!files.length) return;
    if (!this.isBusy) Object.assign(this, { jobs: [], startedAt: performance.now() });
    this.jobs.push(...files.map((file) => ({ file, sent: 0, outcome: null })));
    this.resume();
  }

  toggle() {
    if (this.state === "running") this.stop("paused", "Paused.");
    else this.resume();
  }

  resume() {
    clearTimeout(this.timer);
    this.state = "running";
    this.message = "";
    for (let n = this.active.size; n < PARALLEL; n += 1) this.next();
    this.changed();
  }

  // What is on its way is broken off and starts anew: the server keeps whole files only.
  stop(state, message) {
    this.state = state;
    this.message = message;
    for (const job of this.active) job.request?.abort();
    this.changed();
    if (state === "waiting") this.timer = setTimeout(() => this.resume(), WAIT);
  }

  async next() {
    const job = this.jobs.find((one) => !one.outcome && !this.active.has(one));
    if (!job) return this.finishIfDone();
    this.active.add(job);
    const request = await send(this.url, job, this.changed);
    await this.settle(job, request);
    this.active.delete(job);
    this.changed();
    if (this.state === "running") this.next();
  }

  async settle(job, request) {
    const { status } = request;
    job.sent = 0;
    if (status >= 200 && status < 300) Object.assign(job, { outcome: "done", sent: job.file.size });
    else if (this.state !== "running") return;
    else if (status === 401 || status === 403) await this.signInAgain(job, request);
    else if (status >= 500 && (job.failures = (job.failures ?? 0) + 1) >= MOST_FAILURES) {
      this.refuse(job, "The site failed on it three times. Try it again later.");
    } else if (status === 0 || status === 429 || status >= 500) {
      const what = status === 0 ? "The connection is lost" : "The site is busy";
      this.stop("waiting", `${what}; it goes on by itself.`);
    } else this.refuse(job, sentence(request));
  }

  async signInAgain(job, request) {
    const isFresh = !job.wasRenewed && (await renewToken().catch(() => false));
    if (isFresh) job.wasRenewed = true;
    else if (request.status === 403) this.refuse(job, sentence(request));
    else this.stop("paused", "Your session has ended: sign in in a new tab, then go on.");
  }

  refuse(job, problem) {
    Object.assign(job, { outcome: "refused", problem });
    this.on.refused(job);
  }

  finishIfDone() {
    if (this.active.size || this.state !== "running" || this.jobs.some((job) => !job.outcome)) return;
    this.state = "finished";
    this.message = "Sent.";
    this.changed();
    this.on.finished();
  }

  figures() {
    const of = (outcome) => this.jobs.filter((job) => job.outcome === outcome);
    const kept = this.jobs.filter((job) => job.outcome !== "refused");
    const sum = (jobs, value) => jobs.reduce((total, job) => total + value(job), 0);
    const sent = sum(kept, (job) => Math.min(job.sent, job.file.size));
    return {
      files: this.jobs.length,
      done: of("done").length,
      refused: of("refused").length,
      bytes: sum(kept, (job) => job.file.size),
      sent,
      speed: (1000 * sent) / Math.max(1, performance.now() - this.startedAt), // bytes per second
      state: this.state,
      message: this.message,
    };
  }
}
