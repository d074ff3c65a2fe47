// The stack as Cornerstone3D draws it: window, zoom, pan, scroll, length, angle.
import * as core from "@cornerstonejs/core";
import * as loader from "@cornerstonejs/dicom-image-loader";
import * as tools from "@cornerstonejs/tools";
import { Prefetch } from "./prefetch.js";

const { Primary, Secondary, Auxiliary, Wheel } = tools.Enums.MouseBindings;
const TOOLS = {
  window: tools.WindowLevelTool,
  zoom: tools.ZoomTool,
  pan: tools.PanTool,
  scroll: tools.StackScrollTool,
  length: tools.LengthTool,
  angle: tools.AngleTool,
};
// What works whichever tool is chosen.
const ALWAYS = {
  window: [{ mouseButton: Secondary }],
  pan: [{ mouseButton: Auxiliary }],
  zoom: [{ numTouchPoints: 2 }],
  scroll: [{ mouseButton: Wheel }],
};
const LOST = "An image could not be loaded. Scroll on, or reload the page to try again.";

export class Stack {
  static open(screen, study, callbacks) {
    core.init();
    tools.init();
    paintMeasures();
    loader.init({
      maxWebWorkers: Math.min(2, Math.max(1, Math.floor((navigator.hardwareConcurrency || 2) / 2))),
      wasmBasePath: new URL("./wasm/", import.meta.url).pathname,
    });
    return new Stack(screen, study, callbacks);
  }

  constructor(screen, study, callbacks) {
    this.study = study;
    this.callbacks = callbacks;
    this.element = screen.querySelector("[data-stack]");
    this.element.hidden = false;
    this.engine = new core.RenderingEngine("viewer");
    this.engine.enableElement({
      viewportId: "stack",
      type: core.Enums.ViewportType.STACK,
      element: this.element,
    });
    this.viewport = this.engine.getViewport("stack");
    this.group = tools.ToolGroupManager.createToolGroup("viewer");
    for (const tool of Object.values(TOOLS)) {
      tools.addTool(tool);
      this.group.addTool(tool.toolName);
    }
    this.group.addViewport("stack", "viewer");
    this.prefetch = new Prefetch(core.imageLoader, callbacks.tellLoaded, () =>
      callbacks.tellProblem(LOST),
    );
    this.follow();
  }

  follow() {
    const { Events } = core.Enums;
    this.element.addEventListener(Events.STACK_NEW_IMAGE, ({ detail }) => {
      this.prefetch.around(detail.imageIdIndex);
      if (!this.isAsked) this.callbacks.onScrolled(detail.imageIdIndex);
    });
    for (const name of [Events.IMAGE_RENDERED, Events.VOI_MODIFIED, Events.CAMERA_MODIFIED]) {
      this.element.addEventListener(name, () => this.tellLook());
    }
    this.element.addEventListener("contextmenu", (event) => event.preventDefault());
    new ResizeObserver(() => this.engine.resize(true, true)).observe(this.element);
  }

  // Whether the series can be shown.
  async openSeries(series, image) {
    const addresses = this.study.series[series].images.map(
      ({ id, frame }) => `wadouri:${location.origin}${this.study.files}/${id}?frame=${frame}`,
    );
    this.prefetch.stop();
    this.isAsked = true;
    try {
      await this.viewport.setStack(addresses, image);
      this.viewport.render();
    } catch (error) {
      console.error(error);
      return false;
    } finally {
      this.isAsked = false;
    }
    this.prefetch.start(addresses, image);
    return true;
  }

  async showImage(image) {
    this.isAsked = true;
    try {
      await this.viewport.setImageIdIndex(image);
      this.callbacks.tellProblem("");
    } catch {
      this.callbacks.tellProblem(LOST);
    }
    this.isAsked = false;
  }

  choose(chosen) {
    // First let go of everything: making a tool active only adds to the bindings it has.
    for (const { toolName } of Object.values(TOOLS)) {
      this.group.setToolPassive(toolName, { removeAllBindings: true });
    }
    for (const [name, tool] of Object.entries(TOOLS)) {
      const bindings = [...(ALWAYS[name] ?? [])];
      if (name === chosen) bindings.push({ mouseButton: Primary }, { numTouchPoints: 1 });
      if (bindings.length) this.group.setToolActive(tool.toolName, { bindings });
    }
  }

  reset() {
    this.viewport.resetCamera();
    this.viewport.resetProperties();
    this.viewport.render();
  }

  invert() {
    this.viewport.setProperties({ invert: !this.viewport.getProperties().invert });
    this.viewport.render();
  }

  rotate() {
    const { rotation = 0 } = this.viewport.getViewPresentation();
    this.viewport.setViewPresentation({ rotation: (rotation + 90) % 360 });
    this.viewport.render();
  }

  flip() {
    const { flipHorizontal } = this.viewport.getCamera();
    this.viewport.setCamera({ flipHorizontal: !flipHorizontal });
    this.viewport.render();
  }

  clearMeasures() {
    tools.annotation.state.removeAllAnnotations();
    this.viewport.render();
  }

  tellLook() {
    const range = this.viewport.getProperties()?.voiRange;
    this.callbacks.tellLook({
      window: range ? words(range) : "",
      zoom: `zoom ${this.viewport.getZoom().toFixed(1)}`,
    });
  }
}

function paintMeasures() {
  const { style } = tools.annotation.config;
  const defaults = style.getDefaultToolStyles();
  const ours = {
    color: "#5cc2cf",
    colorSelected: "#5cc2cf",
    colorHighlighted: "#f2c266",
    lineWidth: "2",
    shadow: true,
    textBoxColor: "#5cc2cf",
    textBoxColorSelected: "#5cc2cf",
    textBoxColorHighlighted: "#f2c266",
    textBoxFontFamily: "inherit",
    textBoxFontSize: "15px",
  };
  style.setDefaultToolStyles({ ...defaults, global: { ...defaults.global, ...ours } });
}

function words({ lower, upper }) {
  const { windowWidth, windowCenter } = core.utilities.windowLevel.toWindowLevel(lower, upper);
  // Small numbers, of PET for instance, need their decimals.
  const digits = upper - lower < 10 ? 2 : 0;
  return `W ${windowWidth.toFixed(digits)} L ${windowCenter.toFixed(digits)}`;
}
