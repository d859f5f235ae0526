// What the engine says over HTTP: the layers, their TileJSON, their point clouds, and whether control is well.

import type { StyleSpecification } from "maplibre-gl";

export type Kind = "raster" | "vector" | "points";

/** West, south, east, north in degrees. */
export type Bounds = [number, number, number, number];

export interface StyleSummary {
  name: string;
  title: string;
  abstract: string;
  /** Colours are values, for programs that turn them back. */
  lossless: boolean;
  /** Path of the legend; empty for vectors. */
  legend: string;
  /** Path of the MapLibre style; empty for rasters. */
  href?: string;
}

export interface Layer {
  name: string;
  kind: Kind;
  title: string;
  abstract: string;
  bbox: Bounds;
  tile_matrix_sets: string[];
  min_zoom?: number;
  max_zoom?: number;
  samples: string[];
  /** How it can be shown, the default first. */
  styles?: StyleSummary[];
}

export interface VectorLayer {
  id: string;
  fields: Record<string, string>;
}

export interface TileJson {
  tiles: string[];
  bounds?: Bounds;
  minzoom?: number;
  maxzoom?: number;
  vector_layers?: VectorLayer[];
}

export interface CloudFile {
  name: string;
  href: string;
  points: number;
  /** Minimum x, y, z, maximum x, y, z in the CRS of the cloud. */
  bounds: [number, number, number, number, number, number];
}

export interface CloudInfo {
  crs: string;
  points: number;
  bounds: [number, number, number, number, number, number];
  files: CloudFile[];
  classes: { code: number; name?: string; count: number }[];
}

/** Read a JSON answer, or fail with a sentence that can be shown. */
async function read<Answer>(path: string): Promise<Answer> {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`HTTP ${answer.status} ${answer.statusText}`.trim());
  return (await answer.json()) as Answer;
}

/** The layers everybody may see. */
export async function readLayers(): Promise<Layer[]> {
  const answer = await read<{ layers: Layer[] }>("/layers");
  return answer.layers;
}

/** Address of the TileJSON of a raster or vector layer, of a raster in a style. */
export function tileJsonPath(name: string, style = ""): string {
  const query = style ? `?style=${encodeURIComponent(style)}` : "";
  return `/tiles/${encodeURIComponent(name)}/PM/tilejson.json${query}`;
}

/** How to ask for the tiles of a layer. */
export function readTileJson(name: string, style = ""): Promise<TileJson> {
  return read<TileJson>(tileJsonPath(name, style));
}

/** A MapLibre style, from its path on this server. */
export function readMapStyle(path: string): Promise<StyleSpecification> {
  return read<StyleSpecification>(path);
}

/** Address of the description of a point cloud. */
export function cloudInfoPath(name: string): string {
  return `/points/${encodeURIComponent(name)}/info`;
}

/** The files, the extent and the classes of a point cloud. */
export function readCloudInfo(name: string): Promise<CloudInfo> {
  return read<CloudInfo>(cloudInfoPath(name));
}

/** Whether the control plane answers; null where there is none. */
export async function readHealth(): Promise<boolean | null> {
  try {
    const answer = await fetch("/api/health");
    if (answer.status === 404) return null;
    return answer.ok;
  } catch {
    return false;
  }
}

/** The smallest box around all of `boxes`, or null without any. */
export function unionOf(boxes: Bounds[]): Bounds | null {
  if (boxes.length === 0) return null;
  return boxes.reduce<Bounds>(
    ([west, south, east, north], box) => [
      Math.min(west, box[0]),
      Math.min(south, box[1]),
      Math.max(east, box[2]),
      Math.max(north, box[3]),
    ],
    [Infinity, Infinity, -Infinity, -Infinity],
  );
}

/** What people read: the title, else the name. */
export function titleOf(layer: Layer): string {
  return layer.title.trim() || layer.name;
}
