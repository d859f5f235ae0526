// The list of layers: on and off, opacity, zoom to, links; a search and lazy rows when there are many.
import { element, icon, ICONS } from "./dom";
import { formatFixed, text } from "./i18n";
import { cloudInfoPath, tileJsonPath, titleOf, type Layer, type StyleSummary } from "./layers";
import { styleNamed, styleTitle, stylesToSee } from "./styles";

/** Rows drawn before the reader asks for more. */
const ROWS = 60;

/** From this many layers on there is a search field. */
const SEARCH_FROM = 8;

export interface PanelEvents {
  toggled(layer: Layer, shown: boolean): void;
  faded(layer: Layer, opacity: number): void;
  /** The reader wants to see a layer in another style. */
  styled(layer: Layer, style: string): void;
  zoomed(layer: Layer): void;
  /** The reader wants to see a point cloud in 3D. */
  entered(layer: Layer): void;
  retried(): void;
}

/** What the panel shows of the page's state. */
export interface PanelModel {
  layers: Layer[];
  /** Opacity of the layers that are on the map, by name. */
  shown: ReadonlyMap<string, number>;
  /** Names of the styles that were chosen, by layer. */
  styles: ReadonlyMap<string, string>;
  /** Why a layer failed, by name. */
  failures: ReadonlyMap<string, string>;
  /** Why the list could not be read. */
  unreachable: string | null;
}

export class Panel {
  private query = "";
  private rows = ROWS;
  private readonly opened = new Set<string>();

  constructor(private readonly root: HTMLElement, private readonly events: PanelEvents) {}

  /** Draw the panel anew, keeping the focus and the scroll where they are. */
  draw(model: PanelModel): void {
    const focused = document.activeElement?.getAttribute("data-key");
    const scroll = this.root.querySelector(".rows")?.scrollTop ?? 0;
    this.root.replaceChildren(...this.content(model));
    this.root.querySelector(".rows")?.scrollTo({ top: scroll });
    if (focused) this.root.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  private content(model: PanelModel): Node[] {
    if (model.unreachable !== null) return [unreachable(model.unreachable, this.events.retried)];
    if (model.layers.length === 0) return [help()];
    const wanted = plain(this.query);
    const found = model.layers.filter((layer) =>
      plain(`${titleOf(layer)} ${layer.name} ${layer.abstract}`).includes(wanted),
    );
    if (found.length > this.rows) {
      // Layers on the map come first, so that none is lost behind the limit of rows.
      found.sort((a, b) => Number(model.shown.has(b.name)) - Number(model.shown.has(a.name)));
    }
    const list = element("ul", { class: "rows" }, ...found.slice(0, this.rows).map((layer) => this.row(layer, model)));
    if (found.length > this.rows) list.append(this.more(model, found.length - this.rows));
    if (found.length === 0) list.append(element("li", { class: "none" }, text("noMatch", { query: this.query })));
    return [this.heading(model, found.length), list];
  }

  private heading(model: PanelModel, found: number): HTMLElement {
    const total = model.layers.length;
    const count =
      found < total ? text("found", { shown: found, total }) : total === 1 ? text("totalOne") : text("total", { total });
    const heading = element(
      "div",
      { class: "panel-head" },
      element("h2", {}, text("layers")),
      element("p", { class: "count", role: "status" }, count),
    );
    if (total >= SEARCH_FROM) {
      const search = element("input", {
        type: "search",
        class: "search",
        placeholder: text("search"),
        "aria-label": text("search"),
        "data-key": "search",
        value: this.query,
        oninput: () => {
          this.query = search.value;
          this.rows = ROWS;
          this.draw(model);
        },
      });
      heading.append(search);
    }
    return heading;
  }

  private more(model: PanelModel, left: number): HTMLElement {
    const count = Math.min(ROWS, left);
    return element(
      "li",
      { class: "more" },
      element(
        "button",
        {
          type: "button",
          class: "button",
          "data-key": "more",
          onclick: () => {
            this.rows += ROWS;
            this.draw(model);
          },
        },
        text("more", { count }),
      ),
    );
  }

  private row(layer: Layer, model: PanelModel): HTMLElement {
    const name = titleOf(layer);
    const opacity = model.shown.get(layer.name);
    const failure = model.failures.get(layer.name);
    const box = element("input", {
      type: "checkbox",
      id: `show-${layer.name}`,
      "data-key": `show-${layer.name}`,
      "aria-label": text("showLayer", { name }),
      checked: opacity !== undefined,
      onchange: () => this.events.toggled(layer, box.checked),
    });
    const zoom = element("button", {
      type: "button",
      class: "icon-button",
      title: text("zoomTo"),
      "aria-label": text("zoomToName", { name }),
      "data-key": `zoom-${layer.name}`,
      onclick: () => this.events.zoomed(layer),
    });
    zoom.append(icon(ICONS.focus));
    return element(
      "li",
      { class: "row", "data-layer": layer.name, "data-on": String(opacity !== undefined) },
      element(
        "div",
        { class: "row-head" },
        box,
        element("label", { for: `show-${layer.name}`, class: "row-title", title: name }, name),
        element("span", { class: `badge badge-${layer.kind}` }, text(layer.kind)),
        zoom,
      ),
      failure === undefined ? null : element("p", { class: "failure", role: "alert" }, text("layerFailed", { reason: failure })),
      opacity === undefined ? null : this.slider(layer, name, opacity),
      opacity === undefined ? null : this.styleChoice(layer, name, model.styles.get(layer.name)),
      layer.kind === "points" ? this.entrance(layer) : null,
      this.details(layer),
    );
  }

  private slider(layer: Layer, name: string, opacity: number): HTMLElement {
    const output = element("output", {}, `${Math.round(opacity * 100)} %`);
    const slider = element("input", {
      type: "range",
      min: 0,
      max: 100,
      step: 5,
      value: Math.round(opacity * 100),
      "data-key": `opacity-${layer.name}`,
      "aria-label": text("opacityOf", { name }),
      oninput: () => {
        output.textContent = `${slider.value} %`;
        this.events.faded(layer, Number(slider.value) / 100);
      },
    });
    return element("div", { class: "opacity" }, element("span", { "aria-hidden": "true" }, text("opacity")), slider, output);
  }

  /** A list of styles and the legend of the one shown, where there is a choice. */
  private styleChoice(layer: Layer, name: string, chosen: string | undefined): HTMLElement | null {
    const styles = stylesToSee(layer);
    const shown = styleNamed(layer, chosen);
    if (shown === undefined || styles.length < 2) return null;
    const select = element(
      "select",
      {
        id: `style-${layer.name}`,
        "data-key": `style-${layer.name}`,
        "aria-label": text("styleOf", { name }),
        onchange: () => this.events.styled(layer, select.value),
      },
      ...styles.map((style) =>
        element("option", { value: style.name, selected: style === shown, title: style.abstract }, styleTitle(style)),
      ),
    );
    return element(
      "div",
      { class: "style" },
      element("span", { "aria-hidden": "true" }, text("style")),
      select,
      shown.legend ? this.legend(layer, shown) : null,
    );
  }

  private legend(layer: Layer, shown: StyleSummary): HTMLElement {
    const picture = element("img", { class: "style-legend", src: shown.legend, alt: text("legendOf", { name: styleTitle(shown) }) });
    return element(
      "div",
      { class: "style-legend-frame", tabindex: 0, "data-key": `legend-${layer.name}`, role: "group", "aria-label": text("legend") },
      picture,
    );
  }

  private entrance(layer: Layer): HTMLElement {
    const button = element(
      "button",
      { type: "button", class: "button button-scene", "data-key": `scene-${layer.name}`, onclick: () => this.events.entered(layer) },
      text("openScene"),
    );
    button.prepend(icon(ICONS.cube));
    return button;
  }

  private details(layer: Layer): HTMLElement {
    const details = element(
      "details",
      {
        class: "details",
        open: this.opened.has(layer.name),
        ontoggle: () => {
          if (details.open) this.opened.add(layer.name);
          else this.opened.delete(layer.name);
        },
      },
      element("summary", { "data-key": `details-${layer.name}` }, text("details")),
    );
    const [west, south, east, north] = layer.bbox.map((degrees) => formatFixed(degrees, 4));
    const facts = element(
      "dl",
      {},
      ...fact(text("identifier"), element("code", {}, layer.name)),
      ...fact(text("extent"), `${west} ; ${south} → ${east} ; ${north}`),
    );
    if (layer.min_zoom !== undefined && layer.max_zoom !== undefined && layer.kind !== "points") {
      facts.append(...fact(text("zoom"), text("zooms", { min: layer.min_zoom, max: layer.max_zoom })));
    }
    const description =
      layer.kind === "points"
        ? link(cloudInfoPath(layer.name), text("information"))
        : link(tileJsonPath(layer.name), text("tilejson"));
    const samples = layer.samples.map((path) => link(path, path.split("/").slice(-3).join("/")));
    facts.append(...fact(text("samples"), description, ...samples));
    if (layer.abstract) details.append(element("p", {}, layer.abstract));
    details.append(facts);
    return details;
  }
}

/** A text to search in: no accents, no capitals. */
function plain(value: string): string {
  return value.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

function fact(name: string, ...values: (Node | string)[]): HTMLElement[] {
  return [element("dt", {}, name), element("dd", {}, ...values)];
}

function link(href: string, label: string): HTMLElement {
  return element("a", { href, target: "_blank", rel: "noopener" }, label);
}

/** What to type when nothing is published yet. */
function help(): HTMLElement {
  const command = (title: string, line: string): HTMLElement[] => [
    element("h3", {}, title),
    element("pre", { tabindex: 0 }, element("code", {}, line)),
  ];
  return element(
    "div",
    { class: "message", "data-empty": true },
    element("h2", {}, text("emptyTitle")),
    element("p", {}, text("emptyText")),
    ...command(text("emptyRaster"), "geopf ingest raster ortho.tif --name ortho"),
    ...command(text("emptyVector"), "geopf ingest vector batiments.gpkg --name batiments"),
    ...command(text("emptyPoints"), "geopf ingest points *.laz --name lidar"),
  );
}

function unreachable(reason: string, retried: () => void): HTMLElement {
  return element(
    "div",
    { class: "message", role: "alert" },
    element("h2", {}, text("unreachableTitle")),
    element("p", {}, text("unreachableText", { reason })),
    element("button", { type: "button", class: "button", onclick: retried }, text("retry")),
  );
}
