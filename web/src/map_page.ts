// The map tab: joins the map, the panel of layers, the pointer's coordinates and the card of a click.
import { Card } from "./card";
import { writeLambert93, writeWgs84 } from "./coordinates";
import { byId, element, icon, ICONS } from "./dom";
import { formatFixed, text } from "./i18n";
import { unionOf, type Layer } from "./layers";
import { MapView } from "./map";
import { Panel } from "./panel";
import type { Shown, State } from "./state";
import { styleNamed } from "./styles";

/** Most layers shown before anybody has chosen. */
const SHOWN_AT_FIRST = 12;

/** An image served as JPEG or WebP is a picture of the ground; PNG greys are measures. */
const PICTURE = /\.(jpe?g|webp)(\?|$)/;

export interface MapPage {
  /** Use these layers; `unreachable` says why they could not be read. */
  setLayers(layers: Layer[], unreachable: string | null): void;
  /** Show what a link says. */
  restore(state: State): void;
  translate(): void;
  /** The map's place in the page has another size. */
  resized(): void;
}

export interface MapPageEvents {
  changed(part: Pick<State, "at" | "layers">): void;
  entered(layer: Layer): void;
  retried(): void;
}

/** Start the map tab; without WebGL the panel works and the map's place says what is missing. */
export function startMap(webgl: boolean, events: MapPageEvents): MapPage {
  const position = byId("position");
  const shown = new Map<string, number>();
  /** Names of the styles that were chosen, by layer; the others are shown in their default. */
  const styles = new Map<string, string>();
  const failures = new Map<string, string>();
  let layers: Layer[] = [];
  let byName = new Map<string, Layer>();
  let unreachable: string | null = null;
  let wanted: Shown[] | undefined;
  let placed = false;
  let pointer: [number, number] | null = null;

  const view = webgl
    ? new MapView(byId("map"), {
        moved() {
          writePosition();
          if (placed) publish();
        },
        pointed(place) {
          pointer = place;
          writePosition();
        },
        clicked(event, features) {
          const { lng, lat } = event.lngLat;
          const images = layers.filter(
            ({ name, kind, bbox }) =>
              kind === "raster" && shown.has(name) && lng >= bbox[0] && lat >= bbox[1] && lng <= bbox[2] && lat <= bbox[3],
          );
          card?.open({ place: event.lngLat, features, images });
        },
        failed(name, reason) {
          if (reason === null ? failures.delete(name) : failures.get(name) !== reason && failures.set(name, reason)) draw();
        },
      })
    : null;

  const card = view ? new Card(byId("card"), view.map, () => byName) : null;

  const panel = new Panel(byId("layers"), {
    toggled(layer, on) {
      if (on) shown.set(layer.name, 1);
      else shown.delete(layer.name);
      failures.delete(layer.name);
      apply();
    },
    faded(layer, opacity) {
      shown.set(layer.name, opacity);
      void view?.show(layer, opacity, styles.get(layer.name));
      publish();
    },
    styled(layer, style) {
      choose(layer, style);
      apply();
    },
    zoomed(layer) {
      if (!shown.has(layer.name)) {
        shown.set(layer.name, 1);
        apply();
      }
      placed = true;
      view?.fit(layer.bbox, true);
    },
    entered: events.entered,
    retried: events.retried,
  });

  function draw(): void {
    panel.draw({ layers, shown, styles, failures, unreachable });
  }

  /** Remember the style of a layer; the default, and one it has not, are not worth remembering. */
  function choose(layer: Layer, style: string | undefined): void {
    const found = styleNamed(layer, style);
    if (found === undefined || found === layer.styles?.[0]) styles.delete(layer.name);
    else styles.set(layer.name, found.name);
  }

  /** Show the layers that a link or a first visit asks for. */
  function showAll(wanted: Shown[]): void {
    for (const { name, opacity, style } of wanted) {
      const layer = byName.get(name);
      if (layer === undefined) continue;
      shown.set(name, opacity);
      choose(layer, style);
    }
  }

  /** Make the map agree with `shown`, then the panel and the link. */
  function apply(): void {
    view?.whenReady(() => {
      view.order = layers.map(({ name }) => name);
      for (const layer of layers) {
        const opacity = shown.get(layer.name);
        if (opacity === undefined) view.hide(layer.name);
        else void view.show(layer, opacity, styles.get(layer.name));
      }
    });
    draw();
    publish();
  }

  function publish(): void {
    const chosen = [...shown].map(([name, opacity]): Shown => {
      const style = styles.get(name);
      return { name, opacity, ...(style === undefined ? {} : { style }) };
    });
    const part: Pick<State, "at" | "layers"> = { layers: chosen };
    if (view && placed) {
      const { lng, lat } = view.map.getCenter();
      part.at = [view.map.getZoom(), lat, lng];
    }
    if (layers.length > 0) events.changed(part);
  }

  function writePosition(): void {
    if (!view) return;
    const { lng, lat } = view.map.getCenter();
    const [x, y] = pointer ?? [lng, lat];
    const rows = [
      [text("wgs84"), writeWgs84(x, y), "wgs84"],
      [text("lambert93"), writeLambert93(x, y), "lambert93"],
      [text("zoom"), formatFixed(view.map.getZoom(), 1), "zoom"],
    ] as const;
    position.replaceChildren(
      ...rows.map(([name, value, key]) =>
        element("div", { class: `position-${key}` }, element("dt", {}, name), element("dd", { "data-value": key }, value)),
      ),
    );
  }

  function writeMissing(): void {
    document.body.dataset["map"] = "unsupported";
    byId("map").replaceChildren(
      element("div", { class: "message message-stage", role: "alert" }, element("h2", {}, text("webglTitle")), element("p", {}, text("webglText"))),
    );
  }

  startPanelToggle(() => view?.map.resize());
  if (!view) writeMissing();
  writePosition();
  return {
    setLayers(read, reason) {
      layers = read;
      byName = new Map(read.map((layer) => [layer.name, layer]));
      unreachable = reason;
      for (const name of shown.keys()) {
        if (byName.has(name)) continue;
        shown.delete(name);
        view?.hide(name);
      }
      for (const layer of read) choose(layer, styles.get(layer.name));
      if (shown.size === 0 && read.length > 0) {
        const first = wanted?.filter(({ name }) => byName.has(name)) ?? firstShown(read);
        showAll(first);
      }
      if (!placed && view) {
        const box = unionOf(read.filter(({ name }) => shown.has(name)).map(({ bbox }) => bbox)) ?? unionOf(read.map(({ bbox }) => bbox));
        if (box) view.fit(box, false);
        placed = box !== null;
      }
      document.body.dataset["layers"] = String(read.length);
      apply();
    },
    restore({ at, layers: chosen }) {
      wanted = chosen;
      if (at && view) {
        const [zoom, latitude, longitude] = at;
        view.map.jumpTo({ zoom, center: [longitude, latitude] });
        placed = true;
      }
      if (chosen && layers.length > 0) {
        shown.clear();
        showAll(chosen);
        apply();
      }
    },
    translate() {
      draw();
      card?.draw();
      writePosition();
      if (!view) writeMissing();
      startPanelToggle(() => view?.map.resize());
    },
    resized() {
      view?.map.resize();
    },
  };
}

/** What to show to somebody who has not chosen: one picture of the ground, the vectors, the first extents. */
function firstShown(layers: Layer[]): Shown[] {
  const images = layers.filter(({ kind }) => kind === "raster");
  const picture = images.find(({ samples }) => samples.some((path) => PICTURE.test(path))) ?? images[0];
  return layers
    .filter((layer) => layer.kind === "vector" || layer === picture)
    .slice(0, SHOWN_AT_FIRST)
    .map(({ name }) => ({ name, opacity: 1 }));
}

/** The button that hides the panel; on a narrow screen the panel starts hidden. */
function startPanelToggle(resized: () => void): void {
  const button = byId<HTMLButtonElement>("panel-toggle");
  const write = (open: boolean): void => {
    document.body.dataset["panel"] = open ? "open" : "closed";
    button.setAttribute("aria-expanded", String(open));
    button.setAttribute("aria-label", text(open ? "hidePanel" : "showPanel"));
    button.title = text(open ? "hidePanel" : "showPanel");
    button.replaceChildren(icon(open ? ICONS.fold : ICONS.panel), element("span", {}, text("layers")));
  };
  const before = document.body.dataset["panel"];
  write(before === undefined ? !matchMedia("(max-width: 760px)").matches : before === "open");
  button.onclick = () => {
    write(document.body.dataset["panel"] !== "open");
    resized();
  };
}
