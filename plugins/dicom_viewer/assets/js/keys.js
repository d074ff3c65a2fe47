// One key per tool, as radiologists expect them; the template names them beside the tools.
const TOOLS = {
  w: "window",
  z: "zoom",
  p: "pan",
  s: "scroll",
  l: "length",
  a: "angle",
  i: "invert",
  r: "rotate",
  h: "flip",
  f: "fit",
  c: "clear",
  " ": "play",
};

export function bindKeys({ use, step, first, last, stepSeries }) {
  const moves = {
    ArrowUp: () => step(-1),
    ArrowLeft: () => step(-1),
    ArrowDown: () => step(1),
    ArrowRight: () => step(1),
    PageUp: () => stepSeries(-1),
    PageDown: () => stepSeries(1),
    Home: first,
    End: last,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isControl = event.target.closest("button, a, input");
    if (isControl && (event.key === " " || event.key === "Enter" || isControl.type === "range")) {
      return;
    }
    const move = moves[event.key];
    const tool = TOOLS[event.key.toLowerCase()];
    if (!move && !tool) return;
    event.preventDefault();
    if (move) move();
    else use(tool);
  });
}
