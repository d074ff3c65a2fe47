// The viewer page: which series and image is shown, tools, keys, the address. The picture itself is
// first the server's JPEG; as soon as Cornerstone3D is there, it takes over (stack.js). Where it
// cannot run, the server's JPEGs stay and scrolling still works.
import { bindKeys } from "./keys.js";
import { ServerPictures } from "./pictures.js";

const find = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];

const study = JSON.parse(find("#study").textContent);
const screen = find("[data-screen]");
const state = { series: study.series_index, image: study.image_index, timer: 0 };

let stack = new ServerPictures(screen, study);

const images = () => study.series[state.series].images;

function show(series, image) {
  const isNewSeries = series !== state.series;
  state.series = series;
  state.image = Math.min(Math.max(image, 0), images().length - 1);
  if (isNewSeries) {
    stop();
    stack.openSeries(state.series, state.image);
  } else {
    stack.showImage(state.image);
  }
  tell();
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
  find("[data-tool=play]").disabled = images().length < 2;
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
stack.listen({ onScrolled, show: (image) => show(state.series, image) });

try {
  const { Stack } = await import("./stack.js");
  const better = await Stack.open(screen, study, { onScrolled, tellLook, tellLoaded, tellProblem });
  await better.openSeries(state.series, state.image);
  stack.close();
  stack = better;
  stack.showImage(state.image);
  for (const button of all("[data-tool]")) button.disabled = false;
  use(matchMedia("(pointer: coarse)").matches ? "scroll" : "window");
  tell();
  screen.dataset.ready = "true";
} catch (error) {
  console.error(error);
  tellProblem(
    "This browser cannot run the full viewer, so you see images drawn by the server. " +
      "Scrolling works; window, zoom and measuring do not.",
  );
  screen.dataset.ready = "server";
}
