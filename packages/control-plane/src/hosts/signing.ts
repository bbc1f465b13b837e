/**
 * The certificate authority in a process of its own, which runs while there is something to sign and some seconds longer: its
 * library takes 35 MB that a control plane would keep for ever for one signature in twelve hours.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type ErrorCode, WrennError } from "@wrenn/protocol/errors";
import type { AuthorityPem } from "./authority-pem.ts";

export interface Issued {
  readonly certPem: string;
  /** of what the control plane shows; a host keeps its own */
  readonly keyPem?: string;
  /** of the authority */
  readonly caPem: string;
}

export interface SigningRequest {
  readonly id: number;
  readonly work: {
    /** a new one is made where none is given */
    readonly authority?: AuthorityPem;
    /** of a host; the control plane's own certificate is made without */
    readonly csr?: string;
    readonly host?: { readonly id: string; readonly address: string };
  };
}

export type SigningAnswer =
  | { readonly id: number; readonly pem: Issued | AuthorityPem }
  | { readonly id: number; readonly code: ErrorCode; readonly message: string };

const ENTRY = fileURLToPath(import.meta.resolve("@wrenn/control-plane/hosts/authority-process"));
const IDLE_MS = 5_000;
/** A process that does not answer is given up. */
const STUCK_MS = 30_000;

export class Signing implements Disposable {
  #process: ChildProcess | undefined;
  readonly #waiting = new Map<
    number,
    { resolve: (pem: Issued | AuthorityPem) => void; reject: (error: Error) => void }
  >();
  #last = 0;
  #end: NodeJS.Timeout | undefined;

  makeAuthority(): Promise<AuthorityPem> {
    return this.#ask({}) as Promise<AuthorityPem>;
  }

  /** What the control plane shows to hosts. @throws config_invalid for an authority that is none */
  issueClient(authority: AuthorityPem): Promise<Issued> {
    return this.#ask({ authority }) as Promise<Issued>;
  }

  /** @throws invalid_request for a request that cannot be signed; config_invalid */
  issueHost(authority: AuthorityPem, csr: string, host: { id: string; address: string }): Promise<Issued> {
    return this.#ask({ authority, csr, host }) as Promise<Issued>;
  }

  #ask(work: SigningRequest["work"]): Promise<Issued | AuthorityPem> {
    this.#endIn(STUCK_MS);
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#running().send({ id, work } satisfies SigningRequest);
    });
  }

  #running(): ChildProcess {
    if (this.#process !== undefined) return this.#process;
    // It is given what it needs: nothing of the control plane's secrets.
    const { PATH, NODE_COMPILE_CACHE } = process.env;
    const env = { PATH, ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }) };
    const child = fork(ENTRY, [], { env, execArgv: ["--disable-warning=ExperimentalWarning"] });
    this.#process = child;
    child.on("message", (answer) => this.#answered(answer as SigningAnswer));
    child.on("error", () => this.#gone(child));
    child.once("exit", () => this.#gone(child));
    return child;
  }

  #answered(answer: SigningAnswer): void {
    const asked = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ("pem" in answer) asked?.resolve(answer.pem);
    else asked?.reject(new WrennError(answer.code, answer.message));
    if (this.#waiting.size === 0) this.#endIn(IDLE_MS);
  }

  #endIn(ms: number): void {
    clearTimeout(this.#end);
    this.#end = setTimeout(() => this.close(), ms).unref();
  }

  #gone(child: ChildProcess): void {
    if (this.#process !== child) return;
    this.#process = undefined;
    for (const { reject } of this.#waiting.values()) {
      reject(new WrennError("internal_error", "the process that signs certificates ended"));
    }
    this.#waiting.clear();
  }

  /** The next request starts another process. */
  close(): void {
    clearTimeout(this.#end);
    const child = this.#process;
    if (child === undefined) return;
    this.#gone(child);
    child.kill("SIGKILL");
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
