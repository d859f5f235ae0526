// How layers look on the map: imagery as it is, vectors by theme and geometry, labels from their names.
import type {
  ExpressionSpecification,
  FilterSpecification,
  LayerSpecification,
  StyleSpecification,
} from "maplibre-gl";

import type { VectorLayer } from "./layers";

interface Theme {
  /** Words of a layer's name that call for this theme, without accents. */
  words: RegExp;
  fill: string;
  line: string;
  label: string;
  /** Opacity of the fill, from 0 to 1. */
  cover: number;
}

const THEMES: Theme[] = [
  { words: /bati|build|construct/, fill: "#f0a35e", line: "#a8500d", label: "#6b3208", cover: 0.5 },
  { words: /route|road|voie|chemin|rail|troncon/, fill: "#ffd166", line: "#f6b042", label: "#5c3d00", cover: 0.4 },
  { words: /eau|hydro|river|riviere|water|cours|lac/, fill: "#5aa9e6", line: "#1f6fb2", label: "#0f4c81", cover: 0.45 },
  { words: /veget|foret|forest|bois|arbre|tree|haie|champ|field/, fill: "#7fbf6a", line: "#3f7d32", label: "#28561f", cover: 0.35 },
  { words: /commune|admin|depart|region|limite|epci|canton/, fill: "#8e6cc9", line: "#6a3fb0", label: "#43207f", cover: 0.06 },
  { words: /parcel|cadast/, fill: "#e0c068", line: "#8d6b13", label: "#5a430a", cover: 0.12 },
];

const OTHERS: Omit<Theme, "words">[] = [
  { fill: "#e4768a", line: "#b02a49", label: "#74152c", cover: 0.35 },
  { fill: "#4fb3ae", line: "#11756f", label: "#0a4b47", cover: 0.35 },
  { fill: "#c58fd8", line: "#84399f", label: "#58226b", cover: 0.35 },
  { fill: "#9aa85a", line: "#5d6b17", label: "#3c460c", cover: 0.35 },
];

/** Attributes that hold a name, the best first. */
const NAME_FIELDS = ["nom", "name", "toponyme", "nom_officiel", "nom_com", "libelle", "label"];

const LABEL_FONT = ["Noto Sans SemiBold", "Noto Sans"];

/** Layers are drawn in this order; each slot is an empty layer that others are put before. */
export const SLOTS = ["slot-raster", "slot-extent", "slot-fill", "slot-line", "slot-circle", "slot-label"] as const;
export type Slot = (typeof SLOTS)[number];

/** The style without any layer of the platform: a ground colour and the slots. No glyph or sprite server. */
export function groundStyle(ground: string): StyleSpecification {
  const slots = SLOTS.map((id) => ({ id, type: "background" as const, layout: { visibility: "none" as const } }));
  return {
    version: 8,
    sources: {},
    layers: [{ id: "ground", type: "background", paint: { "background-color": ground } }, ...slots],
  };
}

/** Theme of a layer: by the words of its name, else one of a few colours, always the same for a name. */
export function themeOf(name: string): Omit<Theme, "words"> {
  const plain = name.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const found = THEMES.find((theme) => theme.words.test(plain));
  if (found) return found;
  const sum = [...plain].reduce((total, letter) => total + letter.charCodeAt(0), 0);
  return OTHERS[sum % OTHERS.length]!;
}

/** The attribute to label features with, if there is one. */
export function nameField(fields: Record<string, string>): string | null {
  const byLower = new Map(Object.keys(fields).map((field) => [field.toLowerCase(), field]));
  for (const wanted of NAME_FIELDS) {
    const field = byLower.get(wanted);
    if (field !== undefined) return field;
  }
  return null;
}

function only(kind: "Polygon" | "LineString" | "Point"): FilterSpecification {
  return ["match", ["geometry-type"], [kind, `Multi${kind}`], true, false] as FilterSpecification;
}

/** Grows twofold a level between the two zooms, as roads do on paper maps. */
function growing(from: number, to: number): ExpressionSpecification {
  return ["interpolate", ["exponential", 1.6], ["zoom"], 10, from, 19, to];
}

export interface StyledLayer {
  slot: Slot;
  layer: LayerSpecification;
  /** Paint properties that the opacity slider scales, with their value at 100 %: a number or an expression. */
  opacities: Record<string, unknown>;
}

/** The map layers of an image. */
export function rasterLayers(source: string): StyledLayer[] {
  return [
    {
      slot: "slot-raster",
      layer: { id: `${source}/image`, type: "raster", source, paint: { "raster-fade-duration": 120 } },
      opacities: { "raster-opacity": 1 },
    },
  ];
}

/** The map layers of one layer of a vector tile: polygons, lines, points, and names. */
export function vectorLayers(source: string, layer: VectorLayer): StyledLayer[] {
  const theme = themeOf(layer.id);
  const base = { source, "source-layer": layer.id };
  const styled: StyledLayer[] = [
    {
      slot: "slot-fill",
      layer: { id: `${source}/fill`, type: "fill", ...base, filter: only("Polygon"), paint: { "fill-color": theme.fill } },
      opacities: { "fill-opacity": theme.cover },
    },
    {
      slot: "slot-fill",
      layer: {
        id: `${source}/outline`,
        type: "line",
        ...base,
        filter: only("Polygon"),
        layout: { "line-join": "round" },
        paint: { "line-color": theme.line, "line-width": growing(0.6, 2.2) },
      },
      opacities: { "line-opacity": 0.95 },
    },
    {
      slot: "slot-line",
      layer: {
        id: `${source}/casing`,
        type: "line",
        ...base,
        filter: only("LineString"),
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": "#ffffff", "line-width": growing(1.6, 10) },
      },
      opacities: { "line-opacity": 0.85 },
    },
    {
      slot: "slot-line",
      layer: {
        id: `${source}/line`,
        type: "line",
        ...base,
        filter: only("LineString"),
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": theme.line, "line-width": growing(0.9, 6.5) },
      },
      opacities: { "line-opacity": 1 },
    },
    {
      slot: "slot-circle",
      layer: {
        id: `${source}/point`,
        type: "circle",
        ...base,
        filter: only("Point"),
        paint: {
          "circle-color": theme.fill,
          "circle-radius": growing(2, 7),
          "circle-stroke-color": "#ffffff",
          "circle-stroke-width": 1.5,
        },
      },
      opacities: { "circle-opacity": 1, "circle-stroke-opacity": 1 },
    },
  ];
  const name = nameField(layer.fields);
  if (name !== null) {
    for (const kind of ["LineString", "Polygon", "Point"] as const) {
      styled.push(labels(source, layer.id, name, theme.label, kind));
    }
  }
  return styled;
}

function labels(
  source: string,
  sourceLayer: string,
  field: string,
  colour: string,
  kind: "Polygon" | "LineString" | "Point",
): StyledLayer {
  const along = kind === "LineString";
  return {
    slot: "slot-label",
    layer: {
      id: `${source}/label-${kind}`,
      type: "symbol",
      source,
      "source-layer": sourceLayer,
      filter: only(kind),
      layout: {
        "symbol-placement": along ? "line" : "point",
        "text-field": ["to-string", ["get", field]],
        "text-font": LABEL_FONT,
        "text-size": ["interpolate", ["linear"], ["zoom"], 10, 11, 18, 14],
        "text-max-width": 8,
        "text-padding": 6,
        ...(kind === "Point" ? { "text-offset": [0, 1.1] as [number, number], "text-anchor": "top" as const } : {}),
      },
      paint: {
        "text-color": colour,
        "text-halo-color": "rgba(255, 255, 255, 0.92)",
        "text-halo-width": 1.8,
      },
    },
    opacities: { "text-opacity": 1 },
  };
}

/** The outline of a point cloud's extent. */
export function extentLayers(source: string): StyledLayer[] {
  return [
    {
      slot: "slot-extent",
      layer: { id: `${source}/area`, type: "fill", source, paint: { "fill-color": "#22b8a6" } },
      opacities: { "fill-opacity": 0.1 },
    },
    {
      slot: "slot-extent",
      layer: {
        id: `${source}/border`,
        type: "line",
        source,
        paint: { "line-color": "#0d9488", "line-width": 2.2, "line-dasharray": [3, 2] },
      },
      opacities: { "line-opacity": 1 },
    },
  ];
}
