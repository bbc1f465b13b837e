/** A fake host agent that is enrolled as a real one is: its key, its requests and its TLS server are those of the host agent. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { heartbeat } from "@wrenn/host-agent/enrolment/control-plane-api";
import { type HostCredentials, readCredentials } from "@wrenn/host-agent/enrolment/credentials";
import { Enrolment, enrol, tlsOf } from "@wrenn/host-agent/enrolment/enrolment";
import { FakeHost } from "./fake-host.ts";
import { silent } from "./postgres.ts";

export class EnrolledHost implements AsyncDisposable {
  readonly fake: FakeHost;
  readonly port: number;
  readonly file: string;
  readonly #folder: string;
  #enrolment: Enrolment | undefined;

  private constructor(fake: FakeHost, port: number, folder: string) {
    this.fake = fake;
    this.port = port;
    this.#folder = folder;
    this.file = join(folder, "credentials.json");
  }

  /** @param token a registration token. @throws what the control plane answers */
  static async start(controlPlane: string, token: string, fake = new FakeHost()): Promise<EnrolledHost> {
    const host = new EnrolledHost(fake, await fake.listen(), await mkdtemp(join(tmpdir(), "wrenn-host-")));
    const address = `127.0.0.1:${host.port}`;
    const facts = { address, arch: "x86_64", cpu_cores: 2, memory_mb: 16_384, disk_gb: 20 };
    await enrol({ file: host.file, controlPlane, token, facts });
    const credentials = (await host.credentials()) as HostCredentials;
    host.show(credentials);
    await heartbeat(controlPlane, credentials.host_id, credentials.token, { address });
    return host;
  }

  credentials(): Promise<HostCredentials | undefined> {
    return readCredentials(this.file);
  }

  /** What its server shows from now on. */
  show(credentials: HostCredentials): void {
    this.fake.show(tlsOf(credentials));
  }

  /** Heartbeats and renewals begin. Resolves when the control plane has said that the host was deleted. */
  async keep(heartbeatMs: number): Promise<{ deleted: Promise<void> }> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#enrolment = Enrolment.keep((await this.credentials()) as HostCredentials, {
      file: this.file,
      logger: silent,
      heartbeatMs,
      renewed: (changed) => this.fake.show(changed),
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
