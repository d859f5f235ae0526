// The 3D view: a Giro3D scene that streams one point cloud, coloured by class, elevation, intensity or its own colours.
import ColorMap from "@giro3d/giro3d/core/ColorMap";
import Instance from "@giro3d/giro3d/core/Instance";
import CoordinateSystem from "@giro3d/giro3d/core/geographic/CoordinateSystem";
import PointCloud from "@giro3d/giro3d/entities/PointCloud";
import { Box3, PerspectiveCamera, Vector3 } from "three";
import { MapControls } from "three/examples/jsm/controls/MapControls.js";

import { chooseFiles, openSource, usualRange } from "./cloud";
import { LAMBERT_93 } from "./coordinates";
import type { CloudInfo } from "./layers";
import { classTable, rampColours, type Ramp } from "./legend";

export type Colouring = "classification" | "elevation" | "intensity" | "colour";

/** The attribute that each colouring shows, as Giro3D names it. */
const ATTRIBUTES: Record<Colouring, string> = {
  classification: "Classification",
  elevation: "Z",
  intensity: "Intensity",
  colour: "Color",
};

/** Pixels between neighbouring points above which a node is refined; Giro3D's own 1 leaves the distance sparse. */
const SUBDIVISION = 0.5;

/** How often the state is told while nodes are loading, milliseconds. */
const REPORT_MS = 200;

export interface SceneEvents {
  /** What is drawn has changed; `progress` goes from 0 to 1. */
  drawn(points: number, loading: boolean, progress: number): void;
  failed(reason: string): void;
}

export type PointOfView = "oblique" | "top";

export class SceneView {
  /** Colourings that the cloud has the attributes for. */
  colourings: Colouring[] = [];
  /** Values at the ends of the ramps. */
  readonly ranges = new Map<Ramp, [number, number]>();
  private readonly instance: Instance;
  private readonly controls: MapControls;
  private readonly camera = new PerspectiveCamera(50, 1, 1, 100_000);
  private cloud: PointCloud | null = null;
  private bounds = new Box3();
  /** Counts openings, so that a slow one does not replace a later one. */
  private opening = 0;
  private asking = 0;

  constructor(container: HTMLDivElement, private readonly events: SceneEvents) {
    // All is drawn in the cloud's own system and nothing is transformed: metres in a plane are all the scene must know.
    const crs = CoordinateSystem.register("EPSG:2154", LAMBERT_93);
    this.camera.up.set(0, 0, 1);
    this.instance = new Instance({ target: container, crs, backgroundColor: null, camera: this.camera });
    this.instance.renderingOptions.enableEDL = true;
    this.instance.renderingOptions.EDLRadius = 1;
    this.instance.renderingOptions.EDLStrength = 0.6;
    this.controls = new MapControls(this.camera, this.instance.domElement);
    this.controls.enableDamping = false;
    this.controls.maxPolarAngle = Math.PI * 0.495;
    this.controls.zoomToCursor = true;
    this.instance.domElement.tabIndex = 0;
    this.controls.listenToKeyEvents(this.instance.domElement);
    this.controls.addEventListener("change", () => this.instance.notifyChange(this.camera));
    this.instance.view.setControls(this.controls);
    this.instance.addEventListener("after-render", () => this.report());
  }

  /** The canvas, to label it. */
  get canvas(): HTMLCanvasElement {
    return this.instance.domElement;
  }

  /** Show a cloud in place of the one before. */
  async open(info: CloudInfo): Promise<void> {
    const opening = ++this.opening;
    this.close();
    this.bounds = boxOf(info.bounds);
    this.look("oblique");
    const files = chooseFiles(info);
    if (files.length < info.files.length) {
      this.bounds = files.reduce((box, file) => box.union(boxOf(file.bounds)), new Box3());
      this.look("oblique");
    }
    const source = openSource(files, (reason) => this.events.failed(reason));
    source.addEventListener("progress", () => this.instance.notifyChange());
    await source.initialize();
    if (opening !== this.opening) return source.dispose();
    const cloud = new PointCloud({ source });
    await this.instance.add(cloud);
    if (opening !== this.opening) return this.instance.remove(cloud);
    this.cloud = cloud;
    cloud.subdivisionThreshold = SUBDIVISION;
    this.hideClasses(new Set());
    const attributes = cloud.getSupportedAttributes();
    const named = (name: string) => attributes.find((attribute) => attribute.name === name);
    this.colourings = (Object.keys(ATTRIBUTES) as Colouring[]).filter((colouring) => named(ATTRIBUTES[colouring]));
    for (const ramp of ["elevation", "intensity"] as const) {
      const attribute = named(ATTRIBUTES[ramp]);
      if (!attribute) continue;
      const [min, max] = await usualRange(source, attribute);
      this.ranges.set(ramp, [min, max]);
      cloud.setAttributeColorMap(ATTRIBUTES[ramp], new ColorMap({ colors: rampColours(ramp), min, max }));
    }
    this.instance.notifyChange(cloud);
  }

  /** Colour the points; a colouring the cloud lacks is left aside. */
  colourBy(colouring: Colouring): void {
    if (!this.cloud || !this.colourings.includes(colouring)) return;
    this.cloud.setColoringMode("attribute");
    this.cloud.setActiveAttribute(ATTRIBUTES[colouring]);
  }

  /** Size of a point in pixels; 0 follows the distance. */
  setPointSize(pixels: number): void {
    if (this.cloud) this.cloud.pointSize = pixels;
  }

  /** Most points to draw; beyond, they are thinned. */
  setBudget(points: number): void {
    if (this.cloud) this.cloud.pointBudget = points;
  }

  /** Leave out the points of some classes, when points are coloured by class. */
  hideClasses(codes: ReadonlySet<number>): void {
    if (!this.cloud) return;
    this.cloud.setAttributeColorMap(ATTRIBUTES.classification, new ColorMap(classTable(codes)));
    this.instance.notifyChange(this.cloud);
  }

  /** Put the camera where the whole cloud is seen. */
  look(from: PointOfView): void {
    const centre = this.bounds.getCenter(new Vector3());
    const size = this.bounds.getSize(new Vector3());
    const radius = Math.max(Math.hypot(size.x, size.y), size.z, 1) / 2;
    const aspect = Math.min(1, this.instance.view.width / Math.max(1, this.instance.view.height));
    const distance = (0.95 * radius) / Math.tan((this.camera.fov * Math.PI) / 360) / aspect;
    const towards = from === "top" ? new Vector3(0, -0.0001, 1) : new Vector3(-0.3, -0.85, 0.62);
    this.camera.position.copy(centre).addScaledVector(towards.normalize(), distance);
    this.controls.target.copy(centre);
    this.camera.lookAt(centre);
    this.controls.update();
    this.instance.notifyChange(this.camera);
  }

  /** Move towards the middle (factor under 1) or away from it. */
  zoom(factor: number): void {
    this.camera.position.sub(this.controls.target).multiplyScalar(factor).add(this.controls.target);
    this.controls.update();
    this.instance.notifyChange(this.camera);
  }

  private close(): void {
    if (this.cloud) this.instance.remove(this.cloud);
    this.cloud = null;
    this.colourings = [];
    this.ranges.clear();
  }

  private report(): void {
    if (!this.cloud) return;
    const { loading, progress } = this.instance;
    this.events.drawn(this.cloud.displayedPointCount, loading, progress);
    // The last node may come without a frame of its own: ask for one until nothing is under way.
    clearTimeout(this.asking);
    if (loading) this.asking = window.setTimeout(() => this.instance.notifyChange(), REPORT_MS);
  }
}

function boxOf([minX, minY, minZ, maxX, maxY, maxZ]: CloudInfo["bounds"]): Box3 {
  return new Box3(new Vector3(minX, minY, minZ), new Vector3(maxX, maxY, maxZ));
}
