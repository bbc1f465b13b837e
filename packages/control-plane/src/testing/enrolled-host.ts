/** A fake host agent that is enrolled as a real one is: its key, its requests and its TLS server are those of the host agent. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HostCredentials, readCredentials } from "@wrenn/host-agent/enrolment/credentials";
import { Enrolment, enrol, tlsOf } from "@wrenn/host-agent/enrolment/enrolment";
import { createTlsServer, useCredentials } from "@wrenn/host-agent/rpc/tls-server";
import { FakeHost } from "./fake-host.ts";
import { silent } from "./postgres.ts";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

export class EnrolledHost implements AsyncDisposable {
  readonly fake: FakeHost;
  readonly port: number;
  readonly file: string;
  readonly #folder: string;
  readonly #tls: ReturnType<typeof createTlsServer>;
  #enrolment: Enrolment | undefined;

  private constructor(folder: string, port: number, credentials: HostCredentials) {
    this.#folder = folder;
    this.port = port;
    this.file = join(folder, "credentials.json");
    this.fake = new FakeHost(join(folder, "unused.sock"));
    this.#tls = createTlsServer(tlsOf(credentials));
  }

  /** @param token a registration token. @throws what the control plane answers */
  static async start(controlPlane: string, token: string): Promise<EnrolledHost> {
    const folder = await mkdtemp(join(tmpdir(), "wrenn-host-"));
    const [port, file] = [await freePort(), join(folder, "credentials.json")];
    const facts = { address: `127.0.0.1:${port}`, arch: "x64", cpu_cores: 2, memory_mb: 16_384, disk_gb: 20 };
    await enrol({ file, controlPlane, token, facts });
    const host = new EnrolledHost(folder, port, (await readCredentials(file)) as HostCredentials);
    await host.fake.listen(host.#tls, port);
    return host;
  }

  credentials(): Promise<HostCredentials | undefined> {
    return readCredentials(this.file);
  }

  /** What its server shows from now on. */
  show(credentials: HostCredentials): void {
    useCredentials(this.#tls, tlsOf(credentials));
  }

  /** Heartbeats and renewals begin. Resolves when the control plane has said that the host was deleted. */
  async keep(heartbeatMs: number): Promise<{ deleted: Promise<void> }> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#enrolment = Enrolment.keep((await this.credentials()) as HostCredentials, {
      file: this.file,
      logger: silent,
      heartbeatMs,
      renewed: (changed) => useCredentials(this.#tls, changed),
      deleted: resolve,
    });
    return { deleted: promise };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#enrolment?.close();
    await this.fake[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
