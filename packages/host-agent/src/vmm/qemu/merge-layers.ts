/**
 * Makes one disk layer out of several that no machine uses. They were written by guests and their VMMs, so they are read by a
 * QEMU without a machine: as nobody, without network, with only these files. What it costs follows what the layers hold.
 * `qemu-img` would be simpler, but its `rebase` reads the whole disk, and its `convert -B` copies only the newest layer.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { WrennError } from "@wrenn/protocol/errors";
import { requireOwnData } from "../../disk/qcow2-header.ts";
import type { LayersToMerge } from "../contract.ts";
import { Qmp } from "./qmp.ts";
import { streamLayers } from "./stream.ts";

const START_TIMEOUT_MS = 20_000;
const NOBODY = 65_534;
/** descriptors of the control connection and of the first file */
const [CONTROL_FD, FIRST_FD] = [3, 4];
const [TARGET, BASE] = ["target", "base"];

/** @throws AbortError, vmm_failed, snapshot_corrupt, program_missing; the target is of no use then */
export async function mergeLayers(
  binary: string,
  { target, layers, base }: LayersToMerge,
  signal: AbortSignal,
): Promise<void> {
  const chain = [{ path: target, format: "qcow2" } as const, ...layers, ...base];
  signal.throwIfAborted();
  for (const { path, format } of chain) if (format === "qcow2") await requireOwnData(path);
  const opened: FileHandle[] = [];
  try {
    for (const [i, { path }] of chain.entries())
      opened.push(await open(path, i === 0 ? constants.O_RDWR : constants.O_RDONLY));
    const disk = nodeOf(
      chain.map(({ format }) => format),
      layers.length + 1,
    );
    const child = spawn("prlimit", command(binary, disk, chain.length), {
      cwd: "/",
      env: { PATH: process.env["PATH"], LANG: "C.UTF-8" },
      stdio: ["ignore", "ignore", "pipe", "pipe", ...opened.map((file) => file.fd)],
    });
    await controlled(child, signal);
  } finally {
    await Promise.all(opened.map((file) => file.close()));
  }
}

async function controlled(child: ChildProcess, signal: AbortSignal): Promise<void> {
  const ended = once(child, "exit") as Promise<[number | null, string | null]>;
  const said = text(child.stdio[2] as Socket).catch(() => "");
  try {
    const qmp = await Qmp.over(child.stdio[CONTROL_FD] as Socket, START_TIMEOUT_MS);
    await streamLayers(qmp, { into: TARGET, base: BASE }, signal);
    await qmp.execute("quit");
    // Its tables are in the file when it has closed it.
    const [code] = await ended;
    if (code !== 0) throw new WrennError("vmm_failed", `the merge of disk layers ended with code ${code}`);
  } catch (error) {
    child.kill("SIGKILL");
    await ended;
    if (signal.aborted) throw signal.reason;
    throw new WrennError("vmm_failed", `${WrennError.from(error).message} ${await said}`.trim(), { cause: error });
  }
}

/** It ends with the agent: nobody would look for it. */
function command(binary: string, disk: object, files: number): string[] {
  const sets = Array.from({ length: files }, (_, i) => ["-add-fd", `fd=${FIRST_FD + i},set=${i}`]).flat();
  return [
    ...["--core=0", "--", "unshare", "--net", "--", "setpriv", "--pdeathsig=KILL"],
    ...[`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"],
    ...["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--"],
    binary,
    ...["-M", "none", "-accel", "tcg,tb-size=1", "-nodefaults", "-no-user-config", "-display", "none"],
    ...["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    ...["-chardev", `socket,id=qmp,fd=${CONTROL_FD}`, "-mon", "chardev=qmp,mode=control"],
    ...sets,
    ...["-blockdev", JSON.stringify(disk)],
  ];
}

/** The chain as QEMU's tree of nodes. @param baseAt index of the file that the result stands on */
function nodeOf(formats: readonly string[], baseAt: number): object {
  return formats.reduceRight<object>((backing, driver, i) => {
    const name = i === 0 ? TARGET : i === baseAt ? BASE : undefined;
    return {
      driver,
      ...(name === undefined ? {} : { "node-name": name }),
      ...(i === 0 ? {} : { "read-only": true }),
      file: { driver: "file", filename: `/dev/fdset/${i}` },
      ...(i === formats.length - 1 ? {} : { backing }),
    };
  }, {});
}
