// The colours of a point cloud: the classes of LiDAR HD with their names, and the ramps of elevation and intensity.
import { Color } from "three";

import { text, type TextKey } from "./i18n";

/** Colours of the classes, by LAS classification code (ASPRS, and 64 to 68 of IGN's LiDAR HD). */
const CLASS_COLOURS: Record<number, string> = {
  0: "#9aa0a6",
  1: "#b8bcc2",
  2: "#c08a53",
  3: "#b5e08c",
  4: "#63bb5a",
  5: "#1f8a3f",
  6: "#e5533d",
  7: "#5b5f66",
  9: "#2f8fe0",
  17: "#f2c230",
  18: "#5b5f66",
  64: "#b06fd0",
  65: "#e83e9b",
  66: "#39c6d6",
  67: "#f08a3c",
  68: "#8894b8",
};

const OTHER_CLASS = "#d0b8a0";

/** From the valley to the summit: green, straw, ochre, brown, white. */
const ELEVATION_STOPS = ["#215f5b", "#3f8f5c", "#9cc26b", "#ecd98b", "#d59a58", "#9c5f3c", "#f6f1ea"];

/** From weak to strong returns. */
const INTENSITY_STOPS = ["#10131a", "#4b5566", "#9aa6b5", "#e4e8ec", "#ffffff"];

export type Ramp = "elevation" | "intensity";

/** Colour of a class, as CSS writes it. */
export function classColour(code: number): string {
  return CLASS_COLOURS[code] ?? OTHER_CLASS;
}

/** Name of a class in the language of the page; classes we have no word for keep the engine's name. */
export function className(code: number, given?: string): string {
  if (code in CLASS_COLOURS) return text(`class${code}` as TextKey);
  return given || text("classOther", { code: String(code) });
}

/** 256 colours of a ramp, evenly spaced. */
export function rampColours(ramp: Ramp): Color[] {
  const stops = stopsOf(ramp).map((stop) => new Color(stop));
  return Array.from({ length: 256 }, (_, index) => {
    const place = (index / 255) * (stops.length - 1);
    const low = Math.min(Math.floor(place), stops.length - 2);
    return stops[low]!.clone().lerp(stops[low + 1]!, place - low);
  });
}

/** Entries of the class colour table for one class: the edges between classes then fall between two entries. */
const ENTRIES_PER_CLASS = 4;

export interface ClassTable {
  colors: Color[];
  /** 0 for hidden classes, 1 for the others. */
  opacities: number[];
  /** Class code at the outer edge of the first entry and of the last. */
  min: number;
  max: number;
}

/** The colours of all 256 classes as a table that is looked up by class code. */
export function classTable(hidden: ReadonlySet<number>): ClassTable {
  const codes = Array.from({ length: 256 * ENTRIES_PER_CLASS }, (_, entry) => Math.floor(entry / ENTRIES_PER_CLASS));
  return {
    colors: codes.map((code) => new Color(classColour(code))),
    opacities: codes.map((code) => (hidden.has(code) ? 0 : 1)),
    min: -0.5,
    max: 255.5,
  };
}

/** A ramp as a CSS gradient, from left to right. */
export function rampGradient(ramp: Ramp): string {
  return `linear-gradient(to right, ${stopsOf(ramp).join(", ")})`;
}

function stopsOf(ramp: Ramp): string[] {
  return ramp === "elevation" ? ELEVATION_STOPS : INTENSITY_STOPS;
}
