// Positions as people write them: WGS 84 in degrees, Lambert-93 (EPSG:2154) in metres.
import proj4 from "proj4";

import { formatFixed, text } from "./i18n";

/** EPSG:2154: RGF93 v1 / Lambert-93. RGF93 and WGS 84 differ by less than a metre and are taken as one. */
export const LAMBERT_93 =
  "+proj=lcc +lat_0=46.5 +lon_0=3 +lat_1=49 +lat_2=44 +x_0=700000 +y_0=6600000 +ellps=GRS80 +towgs84=0,0,0,0,0,0,0 +units=m +no_defs +type=crs";

/** Area of use of EPSG:2154, degrees: west, south, east, north. */
const AREA_OF_USE = [-9.86, 41.15, 10.38, 51.56] as const;

const toLambert93 = proj4("WGS84", LAMBERT_93);

/** Easting and northing, metres; null outside the area of use. */
export function lambert93(longitude: number, latitude: number): [number, number] | null {
  const [west, south, east, north] = AREA_OF_USE;
  if (longitude < west || longitude > east || latitude < south || latitude > north) return null;
  const [x, y] = toLambert93.forward([longitude, latitude]) as [number, number];
  return [x, y];
}

/** Latitude then longitude, with hemispheres, six decimals (about 10 cm). */
export function writeWgs84(longitude: number, latitude: number): string {
  const ns = latitude < 0 ? "S" : "N";
  const ew = longitude < 0 ? "O" : "E";
  const west = document.documentElement.lang === "fr" ? ew : ew.replace("O", "W");
  return `${formatFixed(Math.abs(latitude), 6)}° ${ns}  ${formatFixed(Math.abs(longitude), 6)}° ${west}`;
}

/** Easting and northing to the decimetre, or that the place is outside. */
export function writeLambert93(longitude: number, latitude: number): string {
  const place = lambert93(longitude, latitude);
  if (place === null) return text("outside");
  return `${formatFixed(place[0], 1)} m  ${formatFixed(place[1], 1)} m`;
}
