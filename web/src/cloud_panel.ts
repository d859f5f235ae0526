// The panel of the 3D view: which cloud, how it is coloured, how points are drawn, and the legend.
import { element } from "./dom";
import { formatNumber, text } from "./i18n";
import { titleOf, type CloudInfo, type Layer } from "./layers";
import { className, classColour, rampGradient } from "./legend";
import type { Colouring } from "./scene";

/** Choices for the most points drawn. */
export const BUDGETS = [500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000];

export interface CloudPanelEvents {
  chosen(name: string): void;
  coloured(colouring: Colouring): void;
  /** Size of a point in pixels; 0 is automatic. */
  sized(pixels: number): void;
  budgeted(points: number): void;
  classToggled(code: number, visible: boolean): void;
}

export interface CloudModel {
  clouds: Layer[];
  name: string | null;
  info: CloudInfo | null;
  filesOpened: number;
  colourings: Colouring[];
  colouring: Colouring;
  pointSize: number;
  budget: number;
  hidden: ReadonlySet<number>;
  ranges: ReadonlyMap<string, [number, number]>;
}

/** Draw the panel anew, keeping the focus where it is. */
export function drawCloudPanel(root: HTMLElement, model: CloudModel, events: CloudPanelEvents): void {
  const focused = document.activeElement?.getAttribute("data-key");
  root.replaceChildren(...content(model, events));
  if (focused) root.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function content(model: CloudModel, events: CloudPanelEvents): Node[] {
  const heading = element("div", { class: "panel-head" }, element("h2", {}, text("cloud")));
  if (model.clouds.length === 0) {
    const line = element("pre", { tabindex: 0 }, element("code", {}, "geopf ingest points *.laz --name lidar"));
    return [heading, element("div", { class: "message" }, element("p", {}, text("noCloud")), line)];
  }
  const parts: HTMLElement[] = [choice(model, events)];
  if (model.info) parts.push(facts(model, model.info));
  if (model.colourings.length > 0) parts.push(colouringChoice(model, events), drawing(model, events));
  if (model.info && model.colourings.length > 0) parts.push(legend(model, model.info, events));
  return [heading, element("div", { class: "controls" }, ...parts)];
}

function choice(model: CloudModel, events: CloudPanelEvents): HTMLElement {
  const select = element(
    "select",
    { id: "cloud-choice", "data-key": "cloud-choice", onchange: () => events.chosen(select.value) },
    ...model.clouds.map((cloud) =>
      element("option", { value: cloud.name, selected: cloud.name === model.name }, titleOf(cloud)),
    ),
  );
  return element("div", { class: "field" }, element("label", { for: "cloud-choice" }, text("chooseCloud")), select);
}

function facts(model: CloudModel, info: CloudInfo): HTMLElement {
  const count = info.files.length;
  const files =
    model.filesOpened < count
      ? text("filesSome", { shown: model.filesOpened, count })
      : count === 1
        ? text("filesOne")
        : text("files", { count });
  return element(
    "dl",
    { class: "facts" },
    element("dt", {}, text("system")),
    element("dd", {}, systemName(info.crs) || text("unknownSystem")),
    element("dt", {}, text("size")),
    element("dd", {}, `${formatNumber(info.points)} points, ${files}`),
  );
}

/** The name inside a WKT, else what was given, such as EPSG:2154. */
function systemName(crs: string): string {
  return /^\s*\w+\s*\[\s*"([^"]+)"/.exec(crs)?.[1] ?? crs;
}

function colouringChoice(model: CloudModel, events: CloudPanelEvents): HTMLElement {
  const buttons = model.colourings.map((colouring) =>
    element(
      "label",
      { class: "segment" },
      element("input", {
        type: "radio",
        name: "colouring",
        value: colouring,
        "data-key": `colour-${colouring}`,
        checked: colouring === model.colouring,
        onchange: () => events.coloured(colouring),
      }),
      element("span", {}, text(colouring)),
    ),
  );
  return element("fieldset", { class: "field" }, element("legend", {}, text("colourBy")), element("div", { class: "segments" }, ...buttons));
}

function drawing(model: CloudModel, events: CloudPanelEvents): HTMLElement {
  const size = element("output", {}, writeSize(model.pointSize));
  const sizes = element("input", {
    type: "range",
    id: "point-size",
    "data-key": "point-size",
    min: 0,
    max: 8,
    step: 1,
    value: model.pointSize,
    oninput: () => {
      size.textContent = writeSize(Number(sizes.value));
      events.sized(Number(sizes.value));
    },
  });
  const budget = element("output", {}, writeMillions(model.budget));
  const budgets = element("input", {
    type: "range",
    id: "point-budget",
    "data-key": "point-budget",
    min: 0,
    max: BUDGETS.length - 1,
    step: 1,
    value: BUDGETS.indexOf(model.budget),
    oninput: () => {
      const points = BUDGETS[Number(budgets.value)]!;
      budget.textContent = writeMillions(points);
      events.budgeted(points);
    },
  });
  return element(
    "div",
    { class: "field sliders" },
    element("label", { for: "point-size" }, text("pointSize")),
    sizes,
    size,
    element("label", { for: "point-budget" }, text("budget")),
    budgets,
    budget,
  );
}

function writeSize(pixels: number): string {
  return pixels === 0 ? text("automatic") : `${pixels} px`;
}

function writeMillions(points: number): string {
  return text("millions", { count: formatNumber(points / 1e6, 1) });
}

/** A share in percent, never rounded down to nothing. */
function share(count: number, total: number): string {
  const percent = (100 * count) / Math.max(1, total);
  return percent > 0 && percent < 0.1 ? `< ${formatNumber(0.1, 1)} %` : `${formatNumber(percent, 1)} %`;
}

function legend(model: CloudModel, info: CloudInfo, events: CloudPanelEvents): HTMLElement {
  const title = element("h3", {}, text("legend"));
  if (model.colouring === "elevation" || model.colouring === "intensity") {
    const [low, high] = model.ranges.get(model.colouring) ?? [0, 1];
    const unit = model.colouring === "elevation" ? ` ${text("metres")}` : "";
    const digits = unit && high - low < 20 ? 1 : 0;
    return element(
      "div",
      { class: "legend" },
      title,
      element("div", { class: "ramp", style: `background: ${rampGradient(model.colouring)}` }),
      element(
        "div",
        { class: "ramp-ends" },
        element("span", {}, formatNumber(low, digits) + unit),
        element("span", {}, formatNumber(high, digits) + unit),
      ),
    );
  }
  if (model.colouring === "colour") return element("div", { class: "legend" });
  const total = info.classes.reduce((sum, { count }) => sum + count, 0);
  const rows = [...info.classes].sort((a, b) => a.code - b.code).map(({ code, name: given, count }) => {
    const name = className(code, given);
    const box = element("input", {
      type: "checkbox",
      "data-key": `class-${code}`,
      "aria-label": text("showClass", { name }),
      checked: !model.hidden.has(code),
      onchange: () => events.classToggled(code, box.checked),
    });
    return element(
      "li",
      { "data-class": code },
      element(
        "label",
        {},
        box,
        element("span", { class: "swatch", style: `background: ${classColour(code)}` }),
        element("span", { class: "class-name" }, name),
        element("span", { class: "share", title: formatNumber(count) }, share(count, total)),
      ),
    );
  });
  return element("div", { class: "legend" }, title, element("ul", { class: "classes" }, ...rows));
}
