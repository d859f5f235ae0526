// The 3D tab: joins the scene and its panel. Loaded the first time the tab is opened.
import { byId, element, icon, ICONS } from "./dom";
import { BUDGETS, drawCloudPanel, type CloudModel } from "./cloud_panel";
import { chooseFiles } from "./cloud";
import { formatNumber, text, type TextKey } from "./i18n";
import { readCloudInfo, type Layer } from "./layers";
import { SceneView, type Colouring } from "./scene";

export interface ScenePage {
  /** Show a cloud; the first one when `name` is not among `clouds`. */
  show(clouds: Layer[], name: string | undefined): void;
  /** Write all texts again, in the language of the page. */
  translate(): void;
}

/** Start the 3D view; `chosen` hears of the cloud and the colouring that a link must carry. */
export function startScene(
  colour: string | undefined,
  chosen: (cloud: string | null, colouring: Colouring) => void,
): ScenePage {
  const panel = byId("cloud");
  const status = byId("scene-status");
  let failure: string | null = null;
  let drawn = { points: 0, loading: true, progress: 0 };
  let model: CloudModel = {
    clouds: [],
    name: null,
    info: null,
    filesOpened: 0,
    colourings: [],
    colouring: (["classification", "elevation", "intensity", "colour"].find((known) => known === colour) ??
      "classification") as Colouring,
    pointSize: 3,
    budget: BUDGETS[2]!,
    hidden: new Set(),
    ranges: new Map(),
  };
  const view = new SceneView(byId<HTMLDivElement>("scene"), {
    drawn(points, loading, progress) {
      drawn = { points, loading, progress };
      writeStatus();
    },
    failed: fail,
  });

  function fail(reason: string): void {
    failure = reason;
    writeStatus();
  }

  function writeStatus(): void {
    const { points, loading, progress } = drawn;
    const waiting = model.name !== null && (loading || model.colourings.length === 0);
    document.body.dataset["pointsDisplayed"] = String(points);
    document.body.dataset["scene"] = failure !== null ? "error" : waiting || points === 0 ? "loading" : "idle";
    status.classList.toggle("failure", failure !== null);
    status.classList.toggle("busy", failure === null && waiting);
    status.style.setProperty("--progress", String(progress));
    if (failure !== null) status.textContent = text("sceneFailed", { reason: failure });
    else if (model.name === null) status.textContent = text("noCloud");
    else if (points === 0) status.textContent = text("loadingScene");
    else {
      const total = model.info ? ` ${text("ofTotal", { total: model.info.points })}` : "";
      status.textContent = text("displayed", { count: formatNumber(points) }) + total;
    }
  }

  function draw(): void {
    drawCloudPanel(panel, model, {
      chosen: (name) => void open(name),
      coloured(colouring) {
        model = { ...model, colouring };
        view.colourBy(colouring);
        chosen(model.name, colouring);
        draw();
      },
      sized(pixels) {
        model = { ...model, pointSize: pixels };
        view.setPointSize(pixels);
      },
      budgeted(points) {
        model = { ...model, budget: points };
        view.setBudget(points);
      },
      classToggled(code, visible) {
        const hidden = new Set(model.hidden);
        if (visible) hidden.delete(code);
        else hidden.add(code);
        model = { ...model, hidden };
        view.hideClasses(hidden);
      },
    });
    writeStatus();
  }

  async function open(name: string): Promise<void> {
    failure = null;
    drawn = { points: 0, loading: true, progress: 0 };
    model = { ...model, name, info: null, colourings: [], hidden: new Set() };
    chosen(name, model.colouring);
    draw();
    try {
      const info = await readCloudInfo(name);
      if (model.name !== name) return;
      model = { ...model, info, filesOpened: chooseFiles(info).length };
      draw();
      await view.open(info);
      if (model.name !== name) return;
      const colourings = view.colourings;
      const colouring = colourings.includes(model.colouring) ? model.colouring : (colourings[0] ?? model.colouring);
      model = { ...model, colourings, colouring, ranges: view.ranges };
      view.setPointSize(model.pointSize);
      view.setBudget(model.budget);
      view.colourBy(colouring);
      draw();
    } catch (error) {
      if (model.name === name) fail(error instanceof Error ? error.message : String(error));
    }
  }

  function drawTools(): void {
    const tool = (key: TextKey, path: string, act: () => void): HTMLElement => {
      const button = element("button", { type: "button", title: text(key), "aria-label": text(key), onclick: act });
      button.append(icon(path));
      return button;
    };
    byId("scene-tools").replaceChildren(
      tool("zoomIn", ICONS.plus, () => view.zoom(0.75)),
      tool("zoomOut", ICONS.minus, () => view.zoom(1 / 0.75)),
      tool("top", ICONS.top, () => view.look("top")),
      tool("oblique", ICONS.oblique, () => view.look("oblique")),
    );
    view.canvas.setAttribute("aria-label", text("sceneLabel"));
    view.canvas.setAttribute("role", "application");
  }

  drawTools();
  return {
    show(clouds, wanted) {
      const target = clouds.find(({ name }) => name === wanted) ?? clouds[0];
      const changed = target !== undefined && target.name !== model.name;
      model = { ...model, clouds, ...(target === undefined ? { name: null, info: null, colourings: [] } : {}) };
      if (changed) void open(target.name);
      else draw();
    },
    translate() {
      drawTools();
      draw();
    },
  };
}
