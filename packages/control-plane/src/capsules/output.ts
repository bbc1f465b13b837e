/** What a command printed: bounded, and text only when all of it is UTF-8. */
import { isUtf8 } from "node:buffer";
import { WrennError } from "@wrenn/protocol/errors";

export interface EncodedOutput {
  readonly stdout: string;
  readonly stderr: string;
  readonly encoding: "utf-8" | "base64";
}

export class OutputCollector {
  readonly #chunks: Record<"stdout" | "stderr", Uint8Array[]> = { stdout: [], stderr: [] };
  readonly #limit: number;
  #bytes = 0;

  /** @param limit bytes of both together */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @throws too_large past the limit */
  add(name: "stdout" | "stderr", chunk: Uint8Array): void {
    this.#bytes += chunk.byteLength;
    if (this.#bytes > this.#limit) {
      throw new WrennError(
        "too_large",
        `the command printed more than ${this.#limit} bytes: redirect its output to a file and read that`,
      );
    }
    this.#chunks[name].push(chunk);
  }

  encode(): EncodedOutput {
    const [stdout, stderr] = [Buffer.concat(this.#chunks.stdout), Buffer.concat(this.#chunks.stderr)];
    const encoding = isUtf8(stdout) && isUtf8(stderr) ? "utf-8" : "base64";
    return { stdout: stdout.toString(encoding), stderr: stderr.toString(encoding), encoding };
  }
}
