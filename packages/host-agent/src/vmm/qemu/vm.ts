/** One running QEMU, whether this process started it or found it alive. */
import { basename } from "node:path";
import { isAlive, killProcess, type ProcessIdentity } from "@wrenn/runtime/process-identity";
import { waitFor } from "@wrenn/runtime/wait";
import type { Vm, VmExit } from "../contract.ts";
import { logTail } from "../process.ts";
import { SAVED_DISK } from "./args.ts";
import type { Qmp } from "./qmp.ts";
import { cancelStream, streamLayers } from "./stream.ts";

const CONSOLE_BYTES = 65_536;
const CONSOLE_TIMEOUT_MS = 5000;
const QUIT_TIMEOUT_MS = 10_000;
/** Port and value: the control word of the PC's interval timer, and both bytes of the count. */
const PIT_OFF = [
  [0x43, 0x30],
  [0x40, 0],
  [0x40, 0],
];

export class QemuVm implements Vm {
  readonly process: ProcessIdentity;
  readonly exited: Promise<VmExit>;
  readonly #qmp: Qmp;
  #console = Buffer.alloc(0);
  #detached = false;
  isOutOfSpace = false;

  constructor(identity: ProcessIdentity, qmp: Qmp, logFile: string) {
    this.process = identity;
    this.#qmp = qmp;
    let kind: VmExit["kind"] = "killed";
    qmp.onEvent(({ event, data }) => {
      if (event === "BLOCK_IO_ERROR" && data["action"] === "stop") this.isOutOfSpace = true;
      if (event === "SHUTDOWN" && data["guest"] === true)
        kind = data["reason"] === "guest-shutdown" ? "shutdown" : "reset";
    });
    this.exited = new Promise((resolve) => {
      void qmp.closed.then(async () => {
        if (this.#detached) return;
        // The socket closes a moment before the process is gone; a VMM that lives on without it cannot be controlled.
        await waitFor(() => !isAlive(identity), { timeoutMs: QUIT_TIMEOUT_MS });
        await this.kill().catch(() => {});
        resolve({ kind, message: await logTail(logFile) });
      });
    });
  }

  async stop(): Promise<void> {
    await this.#qmp.execute("stop");
  }

  async continue(): Promise<void> {
    this.isOutOfSpace = false;
    await this.#qmp.execute("cont");
  }

  /** Meant for Xen, but it is the one command that writes device state without RAM and leaves the machine usable. */
  async saveState(fileName: string): Promise<void> {
    // Descriptor 3 is the machine's own folder.
    await this.#qmp.execute("xen-save-devices-state", { filename: `/proc/self/fd/3/${fileName}`, live: false });
  }

  async switchOverlay(fileName: string): Promise<void> {
    await this.#qmp.execute("blockdev-snapshot-sync", {
      device: "root",
      "snapshot-file": `/proc/self/fd/3/${fileName}`,
      format: "qcow2",
      mode: "existing",
    });
  }

  async activeOverlay(): Promise<string> {
    const devices = (await this.#qmp.execute("query-block")) as { device: string; inserted?: { file: string } }[];
    const file = devices.find(({ device }) => device === "root")?.inserted?.file ?? "";
    return basename(fileOf(file));
  }

  async flattenDisk(signal: AbortSignal): Promise<void> {
    await streamLayers(this.#qmp, { into: "root", base: SAVED_DISK }, signal);
  }

  async cancelFlatten(): Promise<void> {
    await cancelStream(this.#qmp);
  }

  /** As the kernel would do it: mode 0, and a count that runs out. QMP has no command of its own for ports. */
  async stopOldTimer(): Promise<void> {
    for (const [port, value] of PIT_OFF) {
      await this.#qmp.execute("human-monitor-command", { "command-line": `o/b ${port} ${value}` });
    }
  }

  async growDisk(sizeMb: number): Promise<void> {
    await this.#qmp.execute("block_resize", { device: "root", size: sizeMb * 1024 * 1024 });
  }

  async console(): Promise<Buffer> {
    const request = { device: "console", size: CONSOLE_BYTES, format: "base64" };
    const text = await this.#qmp.execute("ringbuf-read", request, CONSOLE_TIMEOUT_MS);
    // Reading empties QEMU's ring, so the bytes are kept here.
    this.#console = Buffer.concat([this.#console, Buffer.from(String(text), "base64")]).subarray(-CONSOLE_BYTES);
    return this.#console;
  }

  async kill(): Promise<void> {
    await killProcess(this.process, QUIT_TIMEOUT_MS);
    this.#qmp.close();
  }

  detach(): void {
    this.#detached = true;
    this.#qmp.close();
  }
}

/** QEMU names a node by its file or, where a name does not say all, by its options. */
function fileOf(name: string): string {
  if (!name.startsWith("json:")) return name;
  return (JSON.parse(name.slice("json:".length)) as { file: { filename: string } }).file.filename;
}
