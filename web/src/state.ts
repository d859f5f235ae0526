// What a link to the page carries: the tab, the position, the layers, the cloud and the language, in the URL's hash.
import type { Language } from "./i18n";

export type Tab = "map" | "scene";

export interface Shown {
  name: string;
  /** From 0, unseen, to 1. */
  opacity: number;
  /** Name of a raster's style; absent for the default. */
  style?: string;
}

export interface State {
  tab: Tab;
  /** Zoom, latitude, longitude; absent until someone moves. */
  at?: [number, number, number];
  /** Layers shown on the map; absent means the page chooses. */
  layers?: Shown[];
  cloud?: string;
  colour?: string;
  lang?: Language;
}

/** Read a hash such as `#tab=map&at=15.2/48.85/2.35&layers=ortho,roads:60,relief:100:slope`. Unknown parts are left aside. */
export function parseState(hash: string): State {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const state: State = { tab: fields.get("tab") === "3d" ? "scene" : "map" };
  const at = fields.get("at")?.split("/").map(Number);
  if (at?.length === 3 && at.every(Number.isFinite)) state.at = at as [number, number, number];
  const layers = fields.get("layers");
  if (layers !== null) state.layers = layers.split(",").filter(Boolean).map(parseShown);
  const cloud = fields.get("cloud");
  if (cloud) state.cloud = cloud;
  const colour = fields.get("colour");
  if (colour) state.colour = colour;
  const lang = fields.get("lang");
  if (lang === "en" || lang === "fr") state.lang = lang;
  return state;
}

function parseShown(part: string): Shown {
  const [name = "", percent, style] = part.split(":");
  const opacity = percent === undefined ? 1 : Number(percent) / 100;
  return {
    name,
    opacity: Number.isFinite(opacity) ? Math.min(1, Math.max(0, opacity)) : 1,
    ...(style ? { style } : {}),
  };
}

/** Write the hash that `parseState` reads. */
export function writeState(state: State): string {
  const fields: string[] = [`tab=${state.tab === "scene" ? "3d" : "map"}`];
  if (state.at) {
    const [zoom, latitude, longitude] = state.at;
    fields.push(`at=${zoom.toFixed(2)}/${latitude.toFixed(6)}/${longitude.toFixed(6)}`);
  }
  if (state.layers) fields.push(`layers=${state.layers.map(writeShown).join(",")}`);
  if (state.cloud) fields.push(`cloud=${encodeURIComponent(state.cloud)}`);
  if (state.colour) fields.push(`colour=${state.colour}`);
  if (state.lang) fields.push(`lang=${state.lang}`);
  return `#${fields.join("&")}`;
}

function writeShown({ name, opacity, style }: Shown): string {
  const encoded = encodeURIComponent(name);
  if (style) return `${encoded}:${Math.round(opacity * 100)}:${encodeURIComponent(style)}`;
  return opacity === 1 ? encoded : `${encoded}:${Math.round(opacity * 100)}`;
}
