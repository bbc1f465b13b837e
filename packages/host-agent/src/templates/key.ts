/** Which snapshot fits: everything that the device state and memory of a template depend on, as one hash. */
import { createHash } from "node:crypto";
import { SNAPSHOT_VERSION } from "../snapshots/manifest.ts";

/** Grows when templates are made in another way: those that were made before are not used then. */
const RECIPE = 2;

export interface Shape {
  readonly vcpus: number;
  readonly memoryMb: number;
}

export interface TemplateInputs {
  readonly template: string;
  readonly shape: Shape;
  /** kernel, initramfs, agent disk and base image */
  readonly artifacts: string;
  /** VMM, its version, accelerator and machine layout */
  readonly snapshotFormat: string;
  readonly kernelArgs: readonly string[];
}

/** Folder name of the snapshot, such as `minimal-1x512-0123456789abcdef`. */
export function templateKey(inputs: TemplateInputs): string {
  const { template, shape } = inputs;
  const hash = createHash("sha256")
    .update(JSON.stringify([SNAPSHOT_VERSION, RECIPE, inputs]))
    .digest("hex")
    .slice(0, 16);
  return `${template}-${shape.vcpus}x${shape.memoryMb}-${hash}`;
}
