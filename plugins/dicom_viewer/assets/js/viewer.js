// The viewer page: which series and image is shown, tools, keys, the address. The picture itself is
// first the server's JPEG; as soon as Cornerstone3D is there, it takes over (stack.js). Where it
// cannot run, or cannot show a kind of image, the server's JPEGs stay and scrolling still works.
import { bindKeys } from "./keys.js";
import { ServerPictures } from "./pictures.js";

const NO_VIEWER =
  "This browser cannot run the full viewer, so you see images drawn by the server. " +
  "Scrolling works; window, zoom and measuring do not.";
const RARE_KIND =
  "Images of this rare kind are drawn by the server. " +
  "Scrolling works; window, zoom and measuring do not.";

const find = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];

const study = JSON.parse(find("#study").textContent);
const screen = find("[data-screen]");
const state = { series: study.series_index, image: study.image_index, timer: 0, opening: 0 };

const pictures = new ServerPictures(screen, study, (image) => show(state.series, image));
let full = null; // Cornerstone's stack, once it is there
let stack = pictures; // whichever of the two shows the series

const images = () => study.series[state.series].images;

function show(series, image) {
  const isNewSeries = series !== state.series;
  state.series = series;
  state.image = Math.min(Math.max(image, 0), images().length - 1);
  if (isNewSeries) {
    stop();
    openSeries();
  } else {
    stack.showImage(state.image);
  }
  tell();
}

// The server's picture at once, Cornerstone's when it has loaded the image.
async function openSeries() {
  state.opening += 1;
  const { opening, series } = state;
  pictures.openSeries(series, state.image);
  offer(pictures);
  if (!full) return;
  const isShown = !study.series[series].by_server && (await full.openSeries(series, state.image));
  if (opening !== state.opening) return;
  if (isShown) offer(full);
  tellProblem(isShown ? "" : RARE_KIND);
  stack.showImage(state.image);
}

function offer(chosen) {
  stack = chosen;
  pictures.picture.hidden = chosen === full;
  for (const button of all("[data-tool]")) button.disabled = chosen !== full;
  find("[data-tool=play]").disabled = images().length < 2;
  if (chosen === pictures) tellLook({ window: "", zoom: "" });
}

// The stack scrolled by itself: wheel, drag or touch.
function onScrolled(image) {
  state.image = image;
  tell();
}

function tell() {
  const series = study.series[state.series];
  find("[data-title]").textContent = series.title;
  find("[data-index]").textContent = `${state.image + 1} / ${images().length}`;
  const slider = find("[data-slider]");
  slider.max = images().length;
  slider.value = state.image + 1;
  slider.hidden = images().length < 2;
  find("[data-held]").textContent = series.held;
  for (const link of all("[data-series]")) {
    const isCurrent = Number(link.dataset.series) === state.series;
    if (isCurrent) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const query = `?series=${state.series + 1}&image=${state.image + 1}`;
  clearTimeout(state.writing);
  state.writing = setTimeout(() => history.replaceState(null, "", query), 300);
}

function tellLook({ window, zoom }) {
  find("[data-window]").textContent = window;
  find("[data-zoom]").textContent = zoom;
}

function tellLoaded(done, total) {
  const bar = find("[data-loaded]");
  bar.max = total;
  bar.value = done;
  bar.hidden = done >= total;
}

function tellProblem(sentence) {
  const note = find("[data-problem]");
  note.textContent = sentence;
  note.hidden = !sentence;
}

function play() {
  const button = find("[data-tool=play]");
  button.setAttribute("aria-pressed", "true");
  state.timer = setInterval(() => show(state.series, (state.image + 1) % images().length), 100);
}

function stop() {
  clearInterval(state.timer);
  state.timer = 0;
  find("[data-tool=play]").setAttribute("aria-pressed", "false");
}

const acts = {
  play: () => (state.timer ? stop() : play()),
  fit: () => stack.reset(),
  invert: () => stack.invert(),
  rotate: () => stack.rotate(),
  flip: () => stack.flip(),
  clear: () => stack.clearMeasures(),
};

function use(tool) {
  const button = find(`[data-tool=${tool}]`);
  if (!button || button.disabled) return;
  if (tool in acts) {
    acts[tool]();
    return;
  }
  stack.choose(tool);
  for (const other of all("[data-tool][aria-pressed]")) {
    if (!(other.dataset.tool in acts)) other.setAttribute("aria-pressed", String(other === button));
  }
}

for (const button of all("[data-tool]")) {
  button.addEventListener("click", () => use(button.dataset.tool));
}
for (const link of all("[data-series]")) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    show(Number(link.dataset.series), 0);
  });
}
find("[data-slider]").addEventListener("input", (event) => {
  show(state.series, Number(event.target.value) - 1);
});
bindKeys({
  use,
  step: (by) => show(state.series, state.image + by),
  first: () => show(state.series, 0),
  last: () => show(state.series, images().length - 1),
  stepSeries: (by) => {
    const next = state.series + by;
    if (next in study.series) show(next, 0);
  },
});

document.documentElement.classList.add("has-script");
tell();
offer(pictures);

try {
  const { Stack } = await import("./stack.js");
  full = Stack.open(screen, study, { onScrolled, tellLook, tellLoaded, tellProblem });
  await openSeries();
  use(matchMedia("(pointer: coarse)").matches ? "scroll" : "window");
  screen.dataset.ready = stack === full ? "true" : "server";
} catch (error) {
  console.error(error);
  full = null;
  offer(pictures);
  tellProblem(NO_VIEWER);
  screen.dataset.ready = "server";
}
