/**
 * What a snapshot folder says of itself. Every saved machine is such a folder: a template, a named snapshot, a checkpoint,
 * and what a paused capsule will go on from.
 */
import { WrennError } from "@wrenn/protocol/errors";
import { readJson } from "@wrenn/runtime/atomic-file";
import { z } from "zod";

/** Of the folder's layout and this file; raise it when either changes. */
export const SNAPSHOT_VERSION = 1;

export const MANIFEST = "manifest.json";

/** File names inside the folder; disk layers are `disk-1.qcow2` (next to the base image) and up. */
export const FILES = { memory: "memory", diff: "memory.diff", state: "state" } as const;

export function layerName(number: number): string {
  return `disk-${number}.qcow2`;
}

export function isLayer(name: string): boolean {
  return layerNumber(name) !== undefined;
}

/** Undefined when it is no layer's name. */
export function layerNumber(name: string): number | undefined {
  const digits = /^disk-(\d+)\.qcow2$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

const versionSchema = z.object({ version: z.int() });

const fileSchema = z.object({
  size: z.int(),
  /** milliseconds since the epoch; a file that still has it was not written since */
  mtimeMs: z.number(),
  /** of the whole content, where it was worth reading it all */
  checksum: z.string().optional(),
});

const manifestSchema = z.object({
  version: z.literal(SNAPSHOT_VERSION),
  createdAt: z.string(),
  /** base template that the machine descends from */
  template: z.string(),
  vcpus: z.int(),
  memoryMb: z.int(),
  diskSizeMb: z.int(),
  /** how often the machine had been restored; whoever goes on from here is one more */
  generation: z.int(),
  /** VMM, its version, accelerator and machine layout */
  snapshotFormat: z.string(),
  kernelVersion: z.string(),
  /** artefacts of the host that are not in the folder */
  baseImage: z.string(),
  agentDisk: z.string(),
  /** random id of the memory file: a diff fits no other one */
  memoryId: z.string(),
  /** The guest's clock when its CPUs stopped; absent when it could not be read. */
  clock: z
    .object({
      /** host epoch minus the guest's CLOCK_MONOTONIC, in milliseconds */
      offsetMs: z.number(),
      /** host epoch in milliseconds */
      stoppedAtMs: z.number(),
    })
    .optional(),
  /** number of disk layers in the folder */
  layers: z.int(),
  /** every file of the folder but this one */
  files: z.record(z.string(), fileSchema),
  /** allocated bytes of the files that were new with this snapshot */
  ownBytes: z.number(),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type FileFacts = z.infer<typeof fileSchema>;

/** What a diff of the snapshot's memory must match. */
export function memoryOf({ memoryMb, memoryId }: Pick<Manifest, "memoryMb" | "memoryId">) {
  return { memoryBytes: memoryMb * 1024 * 1024, baseId: memoryId };
}

/** Undefined when the folder holds no manifest, so was never published. @throws snapshot_corrupt, snapshot_incompatible */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const content = await readJson(`${folder}/${MANIFEST}`).catch((error: unknown) => {
    if (error instanceof SyntaxError) return null;
    throw error;
  });
  if (content === undefined) return undefined;
  const { data: { version } = { version: SNAPSHOT_VERSION } } = versionSchema.safeParse(content);
  if (version !== SNAPSHOT_VERSION) {
    const message = `the snapshot in ${folder} has format ${version}; this host agent reads format ${SNAPSHOT_VERSION}`;
    throw new WrennError("snapshot_incompatible", message);
  }
  const parsed = manifestSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new WrennError("snapshot_corrupt", `the snapshot in ${folder} has no valid ${MANIFEST}`, {
    cause: parsed.error,
  });
}
