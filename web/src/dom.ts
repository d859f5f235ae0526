// Building elements in one expression; text is always text, never markup.

type Child = Node | string | null;
type Attributes = Record<string, string | number | boolean | EventListener | undefined>;

/** Create an element. `onclick` and the like take listeners; `true` writes an empty attribute, `false` none. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, String(value));
  }
  for (const child of children) if (child !== null) made.append(child);
  return made;
}

/** The element of the page with this id. */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element #${id}`);
  return found as Kind;
}

/** A decorative icon: one path on a 24 by 24 grid. */
export function icon(path: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

export const ICONS = {
  focus: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5M9.500 12h5M12 9.500v5",
  cube: "M12 3l8 4.500v9L12 21l-8-4.500v-9zM4 7.500l8 4.500 8-4.500M12 12v9",
  fold: "M15 5l-7 7 7 7",
  panel: "M4 6h16M4 12h16M4 18h10",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  top: "M5 5h14v14H5zM12 8v8M8 12h8",
  oblique: "M3 16l6-9h12l-6 9zM3 16v3h12v-3M21 7v3l-6 9",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
} as const;
