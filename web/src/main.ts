// The page: tabs, language, link, and the list of layers read again while somebody looks.
import "@fontsource/noto-sans/latin-400.css";
import "@fontsource/noto-sans/latin-600.css";
import "@fontsource/noto-sans/latin-ext-400.css";
import "@fontsource/noto-sans/latin-ext-600.css";
import "./theme.css";
import "./layout.css";
import "./panel.css";
import "./card.css";

import { byId } from "./dom";
import { language, setLanguage, text, translateDocument, type Language } from "./i18n";
import { readHealth, readLayers, type Layer } from "./layers";
import { startMap } from "./map_page";
import type { ScenePage } from "./scene_page";
import { parseState, writeState, type State, type Tab } from "./state";

/** How often the list of layers is read again, milliseconds: a layer just published appears by itself. */
const REFRESH_MS = 10_000;

let state = parseState(location.hash);
let layers: Layer[] = [];
let lastList = "";
let scene: Promise<ScenePage> | null = null;

const webgl = document.createElement("canvas").getContext("webgl2") !== null;
const stored = localStorage.getItem("language");
setLanguage(state.lang ?? (stored === "en" ? "en" : "fr"));

const map = startMap(webgl, {
  changed: (part) => remember(part),
  entered: (layer) => {
    remember({ cloud: layer.name });
    openTab("scene");
  },
  retried: () => void refresh(),
});

/** Keep a part of the state in the link. */
function remember(part: Partial<State>): void {
  state = { ...state, ...part };
  history.replaceState(null, "", writeState(state));
}

function openTab(tab: Tab): void {
  remember({ tab });
  for (const name of ["map", "scene"] as const) {
    const button = byId(`tab-${name}`);
    button.setAttribute("aria-selected", String(name === tab));
    button.tabIndex = name === tab ? 0 : -1;
    byId(`view-${name}`).hidden = name !== tab;
  }
  document.body.dataset["tab"] = tab;
  if (tab === "map") map.resized();
  else void openScene();
}

async function openScene(): Promise<void> {
  const status = byId("scene-status");
  if (!webgl) {
    status.textContent = text("webglText");
    status.classList.add("failure");
    return;
  }
  if (scene === null) {
    status.textContent = text("loadingViewer");
    document.body.dataset["scene"] = "loading";
    scene = import("./scene_page").then(({ startScene }) =>
      startScene(state.colour, (cloud, colour) => remember(cloud === null ? { colour } : { cloud, colour })),
    );
  }
  (await scene).show(layers.filter(({ kind }) => kind === "points"), state.cloud);
}

async function refresh(): Promise<void> {
  let read: Layer[] = layers;
  let unreachable: string | null = null;
  try {
    read = await readLayers();
  } catch (error) {
    // Layers already known stay on the map: tiles may still come from a cache.
    if (layers.length === 0) unreachable = error instanceof Error ? error.message : String(error);
  }
  const list = JSON.stringify([read, unreachable]);
  if (list === lastList) return;
  lastList = list;
  layers = read;
  map.setLayers(read, unreachable);
  if (state.tab === "scene") void openScene();
}

async function writeHealth(): Promise<void> {
  const well = await readHealth();
  const health = byId("health");
  health.hidden = well === null;
  health.dataset["well"] = String(well);
  health.textContent = text(well ? "healthUp" : "healthDown");
}

function translate(): void {
  translateDocument();
  const button = byId("language");
  button.textContent = text("language");
  button.lang = language() === "fr" ? "en" : "fr";
  button.setAttribute("aria-label", text("languageLabel"));
  map.translate();
  void scene?.then((page) => page.translate());
  void writeHealth();
}

function switchLanguage(): void {
  const next: Language = language() === "fr" ? "en" : "fr";
  setLanguage(next);
  localStorage.setItem("language", next);
  remember({ lang: next });
  translate();
}

function startTabs(): void {
  const order: Tab[] = ["map", "scene"];
  for (const tab of order) {
    byId(`tab-${tab}`).addEventListener("click", () => openTab(tab));
    byId(`tab-${tab}`).addEventListener("keydown", (event) => {
      if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
      const other = order[1 - order.indexOf(tab)]!;
      openTab(other);
      byId(`tab-${other}`).focus();
    });
  }
}

byId("language").addEventListener("click", switchLanguage);
byId("skip").addEventListener("click", () => byId(state.tab === "map" ? "layers" : "cloud").focus());
window.addEventListener("hashchange", () => {
  state = parseState(location.hash);
  map.restore(state);
  openTab(state.tab);
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) void refresh();
});
setInterval(() => {
  if (!document.hidden) void refresh();
}, REFRESH_MS);

startTabs();
translate();
map.restore(state);
openTab(state.tab);
await refresh();
