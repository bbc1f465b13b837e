/** The crash matrix: which operations fail where, and what must be true of their capsule afterwards. */
import { existsSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import type { ApiClient } from "@wrenn/cli/api/client";
import { FAILURES, type Failure } from "@wrenn/host-agent/machines/failpoints";
import { type Operation, STEPS } from "@wrenn/host-agent/machines/steps";
import { findVmms } from "@wrenn/host-agent/machines/sweep";
import { NOBODY, SlotClaims } from "@wrenn/host-agent/network/claims";
import { type ErrorCode, hasCode } from "@wrenn/protocol/errors";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import { SLOT_CLAIMS } from "@wrenn/runtime/layout";
import { waitFor } from "@wrenn/runtime/wait";
import type { Platform } from "@wrenn/testkit/platform";
import { sh } from "./shared.ts";

export interface CrashCase {
  readonly operation: Operation;
  readonly step: string;
  readonly failure: Failure;
}

/** Every step of every operation, from the table that the operations themselves are checked against. */
export function crashCases(operations: readonly Operation[], failures: readonly Failure[] = FAILURES): CrashCase[] {
  return operations.flatMap((operation) =>
    STEPS[operation].flatMap((step) => failures.map((failure) => ({ operation, step, failure }))),
  );
}

/** A machine that stands by while others fail: its host is up when it answers, and no failure of another may touch it. */
export class Bystander {
  readonly #platform: Platform;
  readonly #api: ApiClient;
  readonly #id: string;

  private constructor(platform: Platform, api: ApiClient, id: string) {
    this.#platform = platform;
    this.#api = api;
    this.#id = id;
  }

  static async start(platform: Platform): Promise<Bystander> {
    const api = await platform.api();
    const { id } = await api.create({});
    await sh(api, id, "echo here > /tmp/me");
    return new Bystander(platform, api, id);
  }

  /** Waits for the host. @throws when the capsule is not what it was */
  async answers(): Promise<void> {
    const said = await eventually(() => sh(this.#api, this.#id, "cat /tmp/me"));
    if (said !== "here") throw new Error(`the bystander says ${said}`);
  }

  /** Capsules of the matrix itself. */
  async others(): Promise<Capsule[]> {
    return (await this.#api.list()).filter(({ id }) => id !== this.#id);
  }

  /** Waits until nothing of any other capsule is left: no process, folder, socket or network. */
  async isAlone(): Promise<void> {
    const clean = await waitFor(async () => (await this.#leaks()).length === 0, { timeoutMs: 30_000, intervalMs: 200 });
    if (clean === undefined) throw new Error(`left behind: ${(await this.#leaks()).join(", ")}`);
  }

  async #leaks(): Promise<string[]> {
    const { dir, machines, run, snapshots } = this.#platform.layout;
    const claims = await new SlotClaims(SLOT_CLAIMS, dir, { first: 1, last: 1 }).own();
    const named = {
      VMM: (await findVmms(run)).map(({ machine }) => machine),
      "machine folder": await readdir(machines),
      "snapshot folder": await readdir(snapshots),
      "socket folder": await readdir(run),
      "network slot": claims.map(({ holder }) => holder),
    };
    // Besides capsules there are slots for nobody yet, the database's socket, and machines that wait for an owner.
    const expected = new Set([this.#id, NOBODY, "pg"]);
    const isLeak = (name: string) => !expected.has(name) && !name.startsWith("warm-");
    return Object.entries(named).flatMap(([kind, names]) => names.filter(isLeak).map((name) => `${kind} ${name}`));
  }
}

/** Makes the step fail while `act` runs. A step that is never reached is a mistake of the test or of the table. */
export async function crash(
  platform: Platform,
  bystander: Bystander,
  { operation, step, failure }: CrashCase,
  act: () => Promise<unknown>,
): Promise<boolean> {
  const file = `${platform.layout.dir}/failpoint`;
  await writeFile(file, `${operation}.${step} ${failure}\n`);
  // Whether the caller is told of the failure depends on the step; what counts is what it finds afterwards.
  await eventually(act, ["no_hosts_available"]).catch(() => {});
  // What happens in the background after the answer is part of the operation.
  const reached = await waitFor(() => !existsSync(file), { timeoutMs: 5000, intervalMs: 50 });
  await rm(file, { force: true });
  await bystander.answers();
  return reached === true;
}

/** The capsule's status once no operation is half-done. */
export async function settled(api: ApiClient, id: string): Promise<string> {
  let last = "";
  const stable = await waitFor(
    async () => {
      const { status } = await api.get(id).catch(() => ({ status: "unknown" }));
      const answers =
        status !== "running" ||
        (await api.exec(id, { cmd: "true" }).then(
          () => true,
          () => false,
        ));
      last = status;
      return answers && ["running", "paused", "stopped", "error"].includes(status);
    },
    { timeoutMs: 60_000, intervalMs: 250 },
  );
  if (stable === undefined) throw new Error(`capsule ${id} stays ${last}`);
  return last;
}

export function memoryAndDisk(api: ApiClient, id: string): Promise<string> {
  return sh(
    api,
    id,
    "cat /root/on-disk /tmp/in-memory; md5sum < /root/blob | cut -c1-8; md5sum < /dev/shm/blob | cut -c1-8",
  );
}

/** Known content in memory and on disk. */
export const MARK =
  "echo 1 > /root/on-disk; echo 1 > /tmp/in-memory; head -c 3000000 /dev/urandom > /root/blob; cp /root/blob /dev/shm/blob; sync";

/** What a client does whose host is away for a moment: it tries again. @throws the last error when it stays away */
export async function eventually<T>(
  call: () => Promise<T>,
  away: readonly ErrorCode[] = ["host_unavailable", "no_hosts_available"],
): Promise<T> {
  let last: unknown;
  const answer = await waitFor(
    () =>
      call().then(
        (value) => ({ value }),
        (error: unknown) => {
          if (!hasCode(error, ...away)) throw error;
          last = error;
          return undefined;
        },
      ),
    { timeoutMs: 60_000, intervalMs: 250 },
  );
  if (answer === undefined) throw last;
  return answer.value;
}
