/**
 * Starts a VMM process: inside the slot's network namespace, as the slot's unprivileged user, without capabilities, in
 * its own session so that it outlives the host agent, with only the files it was given.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { identify, type ProcessIdentity } from "@wrenn/runtime/process-identity";
import type { SlotAddresses } from "../network/addresses.ts";

/** A file or folder the VMM inherits, opened by the host agent. */
export interface InheritedFile {
  readonly path: string;
  readonly write: boolean;
}

export interface VmmProcess {
  readonly identity: ProcessIdentity;
  readonly child: ChildProcess;
}

const LOG_TAIL_BYTES = 1024;

export interface LaunchOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly files: readonly InheritedFile[];
  readonly slot: SlotAddresses;
  /** no file that the VMM writes is larger: what it prints must not fill the host's disk */
  readonly maxFileBytes: number;
  /** the one group it is in besides its own, for a device that only a group may open */
  readonly deviceGroup: number | undefined;
  /** receives what the process prints */
  readonly logFile: string;
}

/** @throws program_missing, vmm_failed, or the file system's error for a file that cannot be opened */
export async function launch(options: LaunchOptions): Promise<VmmProcess> {
  const opened: FileHandle[] = [];
  try {
    const log = await open(options.logFile, "a", 0o600);
    opened.push(log);
    for (const file of options.files) {
      opened.push(await open(file.path, file.write ? constants.O_RDWR : constants.O_RDONLY));
    }
    const [program, ...args] = confined(options);
    const child = spawn(program, args, {
      detached: true,
      cwd: "/",
      env: { PATH: process.env["PATH"], LANG: "C.UTF-8" },
      stdio: ["ignore", log.fd, log.fd, ...opened.slice(1).map((file) => file.fd)],
    });
    await spawned(child, options.program);
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (identity === undefined)
      throw new WrennError("vmm_failed", `the VMM ended at once: ${await logTail(options.logFile)}`);
    child.unref();
    return { identity, child };
  } finally {
    await Promise.all(opened.map((file) => file.close()));
  }
}

/** The command behind the tools that confine it; each replaces itself by the next, so the pid is the VMM's own. */
function confined({ program, args, slot, deviceGroup, maxFileBytes }: LaunchOptions): [string, ...string[]] {
  return [
    "prlimit",
    ...["--core=0", "--nofile=1024", `--fsize=${Math.ceil(maxFileBytes)}`],
    "--",
    "nsenter",
    `--net=/run/netns/${slot.namespace}`,
    "--",
    "setpriv",
    ...[`--reuid=${slot.uid}`, `--regid=${slot.uid}`],
    deviceGroup === undefined ? "--clear-groups" : `--groups=${deviceGroup}`,
    ...["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"],
    "--",
    program,
    ...args,
  ];
}

function spawned(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => {
      reject(new WrennError("program_missing", `cannot start ${program}: prlimit is missing`, { cause: error }));
    });
  });
}

/** The last lines a VMM printed. */
export async function logTail(logFile: string): Promise<string> {
  const file = await open(logFile, "r").catch(() => undefined);
  if (file === undefined) return "";
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(LOG_TAIL_BYTES),
      0,
      LOG_TAIL_BYTES,
      Math.max(0, size - LOG_TAIL_BYTES),
    );
    return buffer.toString("utf8", 0, bytesRead).trim().split("\n").slice(-5).join("\n");
  } finally {
    await file.close();
  }
}
