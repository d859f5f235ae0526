// The map: which layers are on it, how opaque, where it looks, and what lies under the pointer.
import "maplibre-gl/dist/maplibre-gl.css";

import {
  Map as MapLibre,
  NavigationControl,
  ScaleControl,
  setWorkerUrl,
  type ErrorEvent,
  type LngLatBoundsLike,
  type MapGeoJSONFeature,
  type MapMouseEvent,
  type RasterTileSource,
  type SourceSpecification,
  type StyleSpecification,
} from "maplibre-gl";
import type { Feature, Polygon } from "geojson";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";

import { text } from "./i18n";
import { readMapStyle, readTileJson, type Bounds, type Layer } from "./layers";
import { layersOfStyle, shareOf } from "./map_style";
import { extentLayers, groundStyle, rasterLayers, vectorLayers, type Slot, type StyledLayer } from "./style";
import { styleNamed } from "./styles";

setWorkerUrl(workerUrl);

/** Pixels around the pointer in which a click finds a feature. */
const REACH_PX = 4;

/** Most features a click lists. */
const FEATURES_LISTED = 30;

export interface MapEvents {
  /** The view has moved. */
  moved(): void;
  /** The pointer is over a place, or has left the map. */
  pointed(place: [longitude: number, latitude: number] | null): void;
  /** A place was clicked. */
  clicked(event: MapMouseEvent, features: MapGeoJSONFeature[]): void;
  /** A layer failed, or works again (null). */
  failed(name: string, reason: string | null): void;
}

export class MapView {
  readonly map: MapLibre;
  /** Names of all layers; the first is drawn on top of the others of its slot. */
  order: string[] = [];
  private readonly styled = new Map<string, StyledLayer[]>();
  private readonly opacities = new Map<string, number>();
  /** Names of the styles wanted, by layer; empty for the default. */
  private readonly styles = new Map<string, string>();
  private readonly starting = new Set<string>();
  /** Whether letters and icons come from the engine already. */
  private lettered = false;
  private restyling = 0;

  constructor(container: HTMLElement, private readonly events: MapEvents) {
    const ground = getComputedStyle(document.documentElement).getPropertyValue("--map-ground").trim();
    this.map = new MapLibre({
      container,
      style: groundStyle(ground),
      center: [2.6, 46.6],
      zoom: 4.6,
      maxZoom: 23,
      attributionControl: false,
      maxPitch: 70,
      locale: {
        "NavigationControl.ZoomIn": text("zoomIn"),
        "NavigationControl.ZoomOut": text("zoomOut"),
        "NavigationControl.ResetBearing": text("north"),
        "Map.Title": text("mapLabel"),
      },
    });
    this.map.addControl(new NavigationControl({ visualizePitch: true }), "top-right");
    this.map.addControl(new ScaleControl({ maxWidth: 140, unit: "metric" }), "bottom-right");
    this.map.on("moveend", () => events.moved());
    this.map.on("mousemove", (event) => events.pointed([event.lngLat.lng, event.lngLat.lat]));
    this.map.on("mouseout", () => events.pointed(null));
    this.map.on("click", (event) => events.clicked(event, this.featuresAt(event)));
    this.map.on("error", (event) => this.report(event));
    this.map.on("dataloading", () => this.writeStatus(false));
    this.map.on("idle", () => this.writeStatus(true));
  }

  /** Run `then` once layers can be added. */
  whenReady(then: () => void): void {
    if (this.map.isStyleLoaded()) then();
    else this.map.once("load", then);
  }

  /** Put a layer on the map, or change its opacity or style. */
  async show(layer: Layer, opacity: number, style = ""): Promise<void> {
    const before = this.styles.get(layer.name) ?? "";
    this.opacities.set(layer.name, opacity);
    this.styles.set(layer.name, style);
    if (this.styled.has(layer.name)) {
      this.applyOpacity(layer.name);
      if (style !== before) await this.restyle(layer, style);
      return;
    }
    if (this.starting.has(layer.name)) return;
    this.starting.add(layer.name);
    this.writeStatus(false);
    try {
      const made = await this.sourceInStyle(layer);
      if (this.opacities.has(layer.name)) this.add(layer.name, made);
      this.events.failed(layer.name, null);
    } catch (error) {
      this.opacities.delete(layer.name);
      this.events.failed(layer.name, error instanceof Error ? error.message : String(error));
    } finally {
      this.starting.delete(layer.name);
      this.map.triggerRepaint();
    }
  }

  /** Take a layer off the map. */
  hide(name: string): void {
    this.opacities.delete(name);
    this.remove(name);
  }

  /** Look at a box. */
  fit(box: Bounds, animate: boolean): void {
    const [west, south, east, north] = box;
    const bounds: LngLatBoundsLike = [west, Math.max(south, -85), east, Math.min(north, 85)];
    const still = !animate || matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.map.fitBounds(bounds, { padding: 36, maxZoom: 18, animate: !still, duration: 900 });
  }

  /** The source of a layer and its map layers, in the style that is wanted when they are there. */
  private async sourceInStyle(layer: Layer): Promise<Drawn> {
    for (;;) {
      const style = this.styles.get(layer.name) ?? "";
      const made = await sourceOf(layer, style);
      if (style === (this.styles.get(layer.name) ?? "")) return made;
    }
  }

  /** Show a layer that is on the map in another style: other tiles of a raster, the same of a vector drawn anew. */
  private async restyle(layer: Layer, style: string): Promise<void> {
    this.restyling += 1;
    this.writeStatus(false);
    try {
      if (layer.kind === "vector") {
        const made = await sourceOf(layer, style);
        if (this.styles.get(layer.name) === style && this.styled.has(layer.name)) {
          this.remove(layer.name);
          this.add(layer.name, made);
        }
      } else {
        const { tiles } = await readTileJson(layer.name, style);
        const source = this.map.getSource<RasterTileSource>(layer.name);
        if (this.styles.get(layer.name) === style) source?.setTiles(tiles);
      }
      this.events.failed(layer.name, null);
    } catch (error) {
      this.events.failed(layer.name, error instanceof Error ? error.message : String(error));
    } finally {
      this.restyling -= 1;
      this.map.triggerRepaint();
    }
  }

  private remove(name: string): void {
    for (const { layer } of this.styled.get(name) ?? []) this.map.removeLayer(layer.id);
    if (this.styled.delete(name)) this.map.removeSource(name);
  }

  private add(name: string, { source, styled, style }: Drawn): void {
    if (style !== undefined && !this.lettered) {
      if (style.glyphs !== undefined) this.map.setGlyphs(style.glyphs);
      if (typeof style.sprite === "string") this.map.setSprite(style.sprite);
      this.lettered = true;
    }
    this.map.addSource(name, source);
    for (const { slot, layer } of styled) this.map.addLayer(layer, this.above(name, slot));
    this.styled.set(name, styled);
    this.applyOpacity(name);
  }

  /** The map layer that a layer must be drawn below: the lowest of those that come before it, else the slot. */
  private above(name: string, slot: Slot): string {
    const rank = this.order.indexOf(name);
    const higher = new Set(
      this.order
        .slice(0, Math.max(0, rank))
        .flatMap((other) => this.styled.get(other) ?? [])
        .filter((styled) => styled.slot === slot)
        .map(({ layer }) => layer.id),
    );
    return this.map.getLayersOrder().find((id) => higher.has(id)) ?? slot;
  }

  private applyOpacity(name: string): void {
    const opacity = this.opacities.get(name) ?? 1;
    for (const { layer, opacities } of this.styled.get(name) ?? []) {
      for (const [property, full] of Object.entries(opacities)) {
        this.map.setPaintProperty(layer.id, property as "line-opacity", shareOf(full, opacity) as number);
      }
    }
  }

  private featuresAt({ point }: MapMouseEvent): MapGeoJSONFeature[] {
    const ids = [...this.styled.values()]
      .flat()
      .filter(({ layer }) => "source-layer" in layer)
      .map(({ layer }) => layer.id);
    const reach: [[number, number], [number, number]] = [
      [point.x - REACH_PX, point.y - REACH_PX],
      [point.x + REACH_PX, point.y + REACH_PX],
    ];
    const seen = new Set<string>();
    return this.map
      .queryRenderedFeatures(reach, { layers: ids })
      .filter((feature) => {
        const key = `${feature.source}/${feature.id ?? ""}/${JSON.stringify(feature.properties)}`;
        if (seen.has(key)) return false;
        seen.add(key);
        return true;
      })
      .slice(0, FEATURES_LISTED);
  }

  private report(event: ErrorEvent & { sourceId?: string }): void {
    if (event.sourceId !== undefined && this.styled.has(event.sourceId)) {
      this.events.failed(event.sourceId, event.error.message);
    } else {
      console.error(event.error);
    }
  }

  private writeStatus(idle: boolean): void {
    const still = idle && this.starting.size === 0 && this.restyling === 0;
    document.body.dataset["map"] = still ? "idle" : "loading";
    document.body.dataset["mapLayers"] = [...this.styled.keys()].join(",");
  }
}

/** What is put on the map of a layer. */
interface Drawn {
  source: SourceSpecification;
  styled: StyledLayer[];
  /** The engine's style of a vector layer, which tells where letters and icons are. */
  style?: StyleSpecification;
}

/** The source of a layer and its map layers. */
async function sourceOf(layer: Layer, chosen: string): Promise<Drawn> {
  if (layer.kind === "points") {
    return { source: { type: "geojson", data: rectangle(layer.bbox) }, styled: extentLayers(layer.name) };
  }
  const href = layer.kind === "vector" ? styleNamed(layer, chosen)?.href : undefined;
  const [json, style] = await Promise.all([
    readTileJson(layer.name, layer.kind === "raster" ? chosen : ""),
    href ? readMapStyle(href) : undefined,
  ]);
  const tiles = { tiles: json.tiles, bounds: json.bounds ?? layer.bbox, ...zooms(json.minzoom, json.maxzoom) };
  if (layer.kind === "raster") {
    return { source: { type: "raster", tileSize: 256, ...tiles }, styled: rasterLayers(layer.name) };
  }
  const source = { type: "vector" as const, ...tiles };
  if (style !== undefined) return { source, styled: layersOfStyle(layer.name, style), style };
  const inside = json.vector_layers ?? [{ id: layer.name, fields: {} }];
  return { source, styled: inside.flatMap((part) => vectorLayers(layer.name, part)) };
}

function zooms(minzoom: number | undefined, maxzoom: number | undefined): { minzoom?: number; maxzoom?: number } {
  return { ...(minzoom === undefined ? {} : { minzoom }), ...(maxzoom === undefined ? {} : { maxzoom }) };
}

function rectangle([west, south, east, north]: Bounds): Feature<Polygon> {
  const ring = [[west, south], [east, south], [east, north], [west, north], [west, south]];
  return { type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } };
}
