// The styles in which a layer can be seen: which are for people, and what they are called.
import { text, type TextKey } from "./i18n";
import type { Layer, StyleSummary } from "./layers";

/** Styles of the engine itself, by name: its title for them, and ours in the language of the page. */
const BUILT_IN: Record<string, { title: string; key: TextKey }> = {
  default: { title: "As stored", key: "styleStored" },
  standard: { title: "Standard", key: "styleStandard" },
  hillshade: { title: "Hillshade", key: "styleHillshade" },
  elevation: { title: "Elevation tints", key: "styleElevation" },
  slope: { title: "Slope", key: "styleSlope" },
  aspect: { title: "Aspect", key: "styleAspect" },
  contours: { title: "Contours", key: "styleContours" },
};

/** The styles to choose from, the default first; those that write values into colours are for programs. */
export function stylesToSee(layer: Layer): StyleSummary[] {
  return (layer.styles ?? []).filter(({ lossless }) => !lossless);
}

/** The style of a name, else the first to see; undefined where there is none. */
export function styleNamed(layer: Layer, name: string | undefined): StyleSummary | undefined {
  const styles = stylesToSee(layer);
  return styles.find((style) => style.name === name) ?? styles[0];
}

/** What people read: the producer's title, or our words for the engine's own styles. */
export function styleTitle({ name, title }: StyleSummary): string {
  const own = BUILT_IN[name];
  return own?.title === title ? text(own.key) : title;
}
