// The card of a click: the attributes of the features there, the images, the coordinates.
import { Marker, type LngLat, type Map as MapLibre, type MapGeoJSONFeature } from "maplibre-gl";

import { writeLambert93, writeWgs84 } from "./coordinates";
import { element, icon, ICONS } from "./dom";
import { formatNumber, text } from "./i18n";
import { titleOf, type Layer } from "./layers";
import { nameField } from "./style";

/** What was found at a place. */
export interface Finding {
  place: LngLat;
  features: MapGeoJSONFeature[];
  images: Layer[];
}

/** The card beside the map, and the marker of the place it tells about. */
export class Card {
  private readonly marker: Marker;
  private finding: Finding | null = null;

  constructor(
    private readonly root: HTMLElement,
    private readonly map: MapLibre,
    private readonly layers: () => ReadonlyMap<string, Layer>,
  ) {
    this.marker = new Marker({ color: "#1d5fc2", scale: 0.8 });
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.close();
      map.getCanvas().focus();
    });
  }

  open(finding: Finding): void {
    this.finding = finding;
    this.marker.setLngLat(finding.place).addTo(this.map);
    this.draw();
    this.uncover(finding.place);
  }

  close(): void {
    this.finding = null;
    this.marker.remove();
    this.root.hidden = true;
  }

  /** Move a place that the card covers, as it does on a narrow screen, to the middle of what is left of the map. */
  private uncover(place: LngLat): void {
    const frame = this.map.getCanvas().getBoundingClientRect();
    const card = this.root.getBoundingClientRect();
    const across = card.width > frame.width / 2;
    if (!across || this.map.project(place).y + frame.top < card.top) return;
    this.map.panTo(place, { offset: [0, (card.top - frame.top) / 2 - frame.height / 2] });
  }

  /** Draw again, in the language of the page. */
  draw(): void {
    if (this.finding === null) return;
    const { place, features, images } = this.finding;
    const close = element("button", {
      type: "button",
      class: "icon-button card-close",
      "aria-label": text("close"),
      title: text("close"),
      onclick: () => this.close(),
    });
    close.append(icon(ICONS.close));
    const found = element("div", { class: "card-found", tabindex: 0 });
    features.forEach((feature, index) => {
      const layer = this.layers().get(feature.source);
      found.append(describe(feature, layer ? titleOf(layer) : feature.source, index, features.length));
    });
    if (features.length === 0) found.append(element("p", { class: "card-empty" }, text("nothingHere")));
    if (images.length > 0) {
      found.append(element("p", { class: "card-images" }, `${text("imagesHere")} : ${images.map(titleOf).join(", ")}`));
    }
    this.root.replaceChildren(close, found, position(place));
    this.root.hidden = false;
  }
}

function describe(feature: MapGeoJSONFeature, layer: string, index: number, count: number): HTMLElement {
  const properties = feature.properties as Record<string, unknown>;
  const field = nameField(Object.fromEntries(Object.keys(properties).map((key) => [key, "String"])));
  const name = field === null ? null : String(properties[field] ?? "");
  const rows = Object.entries(properties).map(([key, value]) =>
    element("tr", {}, element("th", { scope: "row" }, key), element("td", {}, write(value))),
  );
  return element(
    "section",
    { class: "feature" },
    element(
      "h3",
      {},
      element("span", { class: "feature-layer" }, layer),
      count > 1 ? element("small", {}, text("object", { index: index + 1, count })) : null,
      name ? element("strong", {}, name) : null,
    ),
    element("table", {}, element("tbody", {}, ...rows)),
  );
}

function write(value: unknown): string {
  if (value === null || value === undefined || value === "") return text("empty");
  if (typeof value === "boolean") return text(value ? "yes" : "no");
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : formatNumber(value, 3);
  return String(value);
}

function position({ lng, lat }: LngLat): HTMLElement {
  const copy = element("button", {
    type: "button",
    class: "icon-button",
    title: text("copy"),
    "aria-label": text("copy"),
    onclick: () => {
      void navigator.clipboard?.writeText(`${lat.toFixed(7)}, ${lng.toFixed(7)}`).then(() => {
        copy.title = text("copied");
        copy.classList.add("done");
      });
    },
  });
  copy.append(icon(ICONS.copy));
  const row = (name: string, value: string, key: string): HTMLElement =>
    element("div", {}, element("dt", {}, name), element("dd", { "data-value": key }, value));
  return element(
    "dl",
    { class: "card-position" },
    row(text("wgs84"), writeWgs84(lng, lat), "wgs84"),
    row(text("lambert93"), writeLambert93(lng, lat), "lambert93"),
    copy,
  );
}
