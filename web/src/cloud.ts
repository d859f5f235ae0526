// Point clouds as Giro3D sources: ranged reads of COPC files, decoded in workers by laz-perf served from here.
import AggregatePointCloudSource from "@giro3d/giro3d/sources/AggregatePointCloudSource";
import COPCSource from "@giro3d/giro3d/sources/COPCSource";
import type { PointCloudAttribute, PointCloudNode, PointCloudSource } from "@giro3d/giro3d/sources/PointCloudSource";
import { setLazPerfPath } from "@giro3d/giro3d/sources/las/config";
import lazPerfUrl from "laz-perf/lib/laz-perf.wasm?url";

import type { CloudFile, CloudInfo } from "./layers";

setLazPerfPath(new URL(".", new URL(lazPerfUrl, location.href)).href.replace(/\/$/, ""));

/** Most files opened at once: each costs a header, a hierarchy and a root node before the first frame. */
export const FILES_OPENED = 48;

/** The files to open: all of them, or those nearest to the centre of the cloud. */
export function chooseFiles(info: CloudInfo): CloudFile[] {
  if (info.files.length <= FILES_OPENED) return info.files;
  const [minX, minY, , maxX, maxY] = info.bounds;
  const centre = [(minX + maxX) / 2, (minY + maxY) / 2] as const;
  const distance = ({ bounds }: CloudFile): number =>
    Math.hypot((bounds[0] + bounds[3]) / 2 - centre[0], (bounds[1] + bounds[4]) / 2 - centre[1]);
  return [...info.files].sort((a, b) => distance(a) - distance(b)).slice(0, FILES_OPENED);
}

/** One source over several COPC files; `failed` hears of every read that fails. */
export function openSource(files: CloudFile[], failed: (reason: string) => void): PointCloudSource {
  const sources = files.map((file) => new COPCSource({ url: rangeReader(file, failed) }));
  const source = sources.length === 1 ? sources[0]! : new AggregatePointCloudSource({ sources });
  return withScalarClasses(source);
}

/**
 * Offer the classes as 16-bit numbers instead of Giro3D's own kind of attribute: its shader for classes takes the
 * WebGL context down on software renderers, and numbers with one colour a class look the same.
 */
function withScalarClasses(source: PointCloudSource): PointCloudSource {
  const read = source.getMetadata.bind(source);
  source.getMetadata = async () => {
    const metadata = await read();
    const attributes = metadata.attributes.map((attribute) =>
      attribute.interpretation === "classification"
        ? { ...attribute, interpretation: "unknown" as const, size: 2 as const }
        : attribute,
    );
    return { ...metadata, attributes };
  };
  return source;
}

function rangeReader(file: CloudFile, failed: (reason: string) => void): (begin: number, end: number) => Promise<Uint8Array> {
  return async (begin, end) => {
    const answer = await fetch(file.href, { headers: { Range: `bytes=${begin}-${end - 1}` } });
    if (answer.status !== 206) {
      const reason = `${file.name}: HTTP ${answer.status}`;
      failed(reason);
      throw new Error(reason);
    }
    return new Uint8Array(await answer.arrayBuffer());
  };
}

/** The values between which most points of the first nodes lie: noise would flatten a ramp from minimum to maximum. */
export async function usualRange(source: PointCloudSource, attribute: PointCloudAttribute): Promise<[number, number]> {
  const root = await source.getHierarchy();
  const nodes = (root.hasData ? [root] : (root.children ?? []))
    .filter((node): node is PointCloudNode => node !== undefined && node.hasData)
    .slice(0, 8);
  const values: number[] = [];
  for (const node of nodes) {
    const data = await source.getNodeData({ node, position: false, attributes: [attribute] });
    const buffer = data.attributes[0];
    if (!buffer) continue;
    const step = Math.max(1, Math.floor(buffer.count / 20_000));
    for (let index = 0; index < buffer.count; index += step) values.push(buffer.getX(index));
  }
  values.sort((a, b) => a - b);
  const at = (share: number): number => values[Math.floor(share * (values.length - 1))] ?? 0;
  const [low, high] = [at(0.01), at(0.99)];
  return high > low ? [low, high] : [low, low + 1];
}
