// A MapLibre style that the engine tells of a layer, as map layers of this page: in its slots, and as opaque as wished.
import type { LayerSpecification, StyleSpecification } from "maplibre-gl";

import type { Slot, StyledLayer } from "./style";

const SLOTS: Partial<Record<LayerSpecification["type"], Slot>> = {
  fill: "slot-fill",
  "fill-extrusion": "slot-fill",
  line: "slot-line",
  circle: "slot-circle",
  heatmap: "slot-circle",
  symbol: "slot-label",
};

const OPACITIES: Partial<Record<LayerSpecification["type"], string[]>> = {
  fill: ["fill-opacity"],
  "fill-extrusion": ["fill-extrusion-opacity"],
  line: ["line-opacity"],
  circle: ["circle-opacity", "circle-stroke-opacity"],
  heatmap: ["heatmap-opacity"],
  symbol: ["text-opacity", "icon-opacity"],
};

/** The map layers of a style, all drawn from one source. The ground is the page's own. */
export function layersOfStyle(source: string, style: StyleSpecification): StyledLayer[] {
  const styled: StyledLayer[] = [];
  let before: LayerSpecification | undefined;
  for (const layer of style.layers) {
    const slot = slotOf(layer, before);
    if (slot !== undefined) {
      const paint = (layer.paint ?? {}) as Record<string, unknown>;
      const names = OPACITIES[layer.type] ?? [];
      styled.push({
        slot,
        layer: { ...layer, id: `${source}/${layer.id}`, source } as LayerSpecification,
        opacities: Object.fromEntries(names.map((name) => [name, paint[name] ?? 1])),
      });
    }
    before = layer;
  }
  return styled;
}

/** Lines lie above areas, but for those that border the area drawn just before. */
function slotOf(layer: LayerSpecification, before: LayerSpecification | undefined): Slot | undefined {
  const borders = layer.type === "line" && before?.type === "fill" && before["source-layer"] === layer["source-layer"];
  return borders ? "slot-fill" : SLOTS[layer.type];
}

/** A share of an opacity, be it a number or an expression; one that depends on the zoom keeps that outermost. */
export function shareOf(full: unknown, share: number): unknown {
  if (typeof full === "number") return full * share;
  if (share === 1) return full;
  if (Array.isArray(full)) {
    const first = full[0] === "step" ? 2 : full[0] === "interpolate" ? 4 : undefined;
    if (first === undefined) return ["*", share, full];
    return full.map((part, at) => (at >= first && (at - first) % 2 === 0 ? shareOf(part, share) : part));
  }
  if (typeof full === "object" && full !== null && "stops" in full && Array.isArray(full.stops)) {
    return { ...full, stops: full.stops.map(([at, value]: [unknown, unknown]) => [at, shareOf(value, share)]) };
  }
  return full;
}
