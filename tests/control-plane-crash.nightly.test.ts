/** kill -9 of the embedded PostgreSQL and of the control plane under write load: what was acknowledged stays, and all come back. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { readSupervisor } from "@wrenn/cli/supervisor/state";
import { Database } from "@wrenn/control-plane/db/database";
import { CLUSTER_USER } from "@wrenn/control-plane/db/embedded/cluster";
import { JOBS_SCHEMA } from "@wrenn/control-plane/jobs/jobs";
import { purgeEndedSessions } from "@wrenn/control-plane/jobs/purge-sessions";
import { findVmms } from "@wrenn/host-agent/machines/sweep";
import type { JobList } from "@wrenn/protocol/rest/jobs";
import { createLogger } from "@wrenn/runtime/logger";
import { identify, isAlive, type ProcessIdentity, signalProcess } from "@wrenn/runtime/process-identity";
import { waitFor } from "@wrenn/runtime/wait";
import { leftovers } from "@wrenn/testkit/leftovers";
import type { Platform } from "@wrenn/testkit/platform";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ownPlatform } from "./shared.ts";
import { CapsuleUser, KeyMaker, Observations, TeamOwner, Wire, type Writer } from "./write-load.ts";

const ROUNDS = Number(process.env["CRASH_ROUNDS"] ?? 50);
const RECOVERY_MS = 60_000;
const KINDS = ["postmaster", "backend", "control plane", "both", "postmaster, again while it recovers"] as const;
type Kind = (typeof KINDS)[number];

let platform: Platform;
beforeAll(async () => {
  platform = await ownPlatform();
  await platform.up();
});
afterAll(() => platform.close());

interface PostgresProcess extends ProcessIdentity {
  readonly parent: number;
  readonly title: string;
}

/** Every process that works in the data folder. */
function postgres(): PostgresProcess[] {
  return readdirSync("/proc").flatMap((name) => {
    try {
      if (!/^\d+$/.test(name) || readlinkSync(`/proc/${name}/cwd`) !== platform.layout.postgres) return [];
      const identity = identify(Number(name));
      const parent = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, "utf8"))?.[1]);
      const title = readFileSync(`/proc/${name}/cmdline`, "utf8");
      return identity === undefined ? [] : [{ ...identity, parent, title }];
    } catch {
      return [];
    }
  });
}

/** Those that no other one started: one, unless two servers have opened the same data. */
function postmasters(all = postgres()): PostgresProcess[] {
  return all.filter(({ parent }) => !all.some(({ pid }) => pid === parent));
}

function controlPlane(): ProcessIdentity | undefined {
  return identify(readSupervisor(platform.layout)?.processes["control-plane"] ?? 0);
}

/** Kills, and returns what must be gone before anything can be called recovered. */
async function kill(kind: Kind): Promise<ProcessIdentity[]> {
  const all = postgres();
  const [postmaster] = postmasters(all);
  const backends = all.filter(({ title }) => title.includes("[local]"));
  const backend = backends[Math.floor(Math.random() * backends.length)];
  const control = controlPlane();
  if (postmaster === undefined || backend === undefined || control === undefined) throw new Error("nothing to kill");
  if (kind === "backend") {
    signalProcess(backend, "SIGKILL");
    // The server ends all sessions with it.
    return backends;
  }
  if (kind !== "control plane") signalProcess(postmaster, "SIGKILL");
  if (kind === "control plane" || kind === "both") signalProcess(control, "SIGKILL");
  if (kind === "control plane") return [control];
  if (kind === "both") return [control, ...all];
  const next = await waitFor(() => postmasters().find(({ pid }) => pid !== postmaster.pid && isServer(pid)), {
    timeoutMs: kind === "postmaster" ? 0 : RECOVERY_MS,
    intervalMs: 1,
  });
  if (kind === "postmaster") return all;
  if (next === undefined) throw new Error("no second server was started");
  await sleep(Math.random() * 200);
  signalProcess(next, "SIGKILL");
  return [...all, next];
}

/** Orphans of a killed server are called by what they did, it by its program. */
function isServer(pid: number): boolean {
  return postgres().some((one) => one.pid === pid && one.title.includes("\0-D\0"));
}

/** Milliseconds from the kill to the first write that is acknowledged after all victims are gone. */
async function recovery(kind: Kind, owner: TeamOwner): Promise<number> {
  const began = performance.now();
  const victims = await kill(kind);
  const last = kind === "postmaster, again while it recovers" ? performance.now() : began;
  const gone = await waitFor(() => !victims.some(isAlive), { timeoutMs: RECOVERY_MS, intervalMs: 5 });
  if (gone === undefined) throw new Error(`${kind}: a process lives on after SIGKILL`);
  await owner.rename();
  const took = performance.now() - last;
  expect(postmasters(), `servers of one data folder after the death of: ${kind}`).toHaveLength(1);
  return took;
}

function line(name: string, times: readonly number[]): string {
  const ranked = times.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(ranked[Math.min(ranked.length - 1, Math.floor(ranked.length * share))] ?? 0);
  return `  ${name}: n ${ranked.length}, p50 ${at(0.5)}, p95 ${at(0.95)}, max ${at(1)}\n`;
}

/** Every row of every table, read through by a backup: its pages have checksums. */
async function rowsOf(wanted: string): Promise<Record<string, unknown>[]> {
  const file = `${platform.layout.dir}/backup`;
  await platform.json("backup", file);
  const lines = gunzipSync(await readFile(file))
    .toString()
    .trim()
    .split("\n");
  const rows = lines.slice(1, -1).map((one) => JSON.parse(one) as [table: string, row: Record<string, unknown>]);
  return rows.filter(([table]) => table === wanted).map(([, row]) => row);
}

/** Gives the platform something to do in the background, and waits until it is done. */
async function jobsRun(admin: Wire): Promise<void> {
  const socket = encodeURIComponent(`${platform.layout.run}/pg`);
  const name = purgeEndedSessions.name;
  await using db = new Database(`postgresql://${CLUSTER_USER}@localhost/wrenn?host=${socket}`, createLogger("test"));
  await db.pool.query(`INSERT INTO ${JOBS_SCHEMA}.job (name, data) VALUES ($1, '{}')`, [name]);
  const done = await waitFor(
    async () => {
      const { body } = await admin.certain<JobList>("GET", `/v1/admin/jobs?name=${name}&state=completed`);
      return body.items.length > 0;
    },
    { timeoutMs: 60_000, intervalMs: 500 },
  );
  expect(done).toBe(true);
}

/** Clients that write until `body` is over, or until one of them fails. */
async function whileWriting(writers: readonly [writer: Writer, pauseMs: number][], body: () => Promise<void>) {
  const ending = new AbortController();
  const write = async ([writer, pauseMs]: readonly [Writer, number]) => {
    while (!ending.signal.aborted) {
      await writer.step();
      await sleep(Math.random() * pauseMs);
    }
  };
  const writing = Promise.all(writers.map(write));
  try {
    await Promise.race([body(), writing]);
  } finally {
    ending.abort();
  }
  await writing;
}

/** Writers with the session of the administrator and the key of the instance. */
async function signIn(seen: Observations): Promise<{ session: Wire; capsules: CapsuleUser }> {
  const { api_url: url, api_key: key } = await platform.status();
  const wire = new Wire(url, seen);
  const password = (await readFile(platform.layout.adminPasswordFile, "utf8")).trim();
  const body = { email: "admin@localhost", password };
  const signedIn = await wire.certain<{ token: string }>("POST", "/v1/auth/login", { body });
  const session = wire.as({ authorization: `Bearer ${signedIn.body.token}` });
  return { session, capsules: new CapsuleUser(wire.as({ "x-api-key": key }), 2) };
}

it(`loses nothing that was acknowledged in ${ROUNDS} kills`, async () => {
  const seen = new Observations();
  const { session, capsules } = await signIn(seen);
  const prober = await TeamOwner.start(session);
  const rows: Writer[] = [new KeyMaker(session), ...(await Promise.all([1, 2, 3].map(() => TeamOwner.start(session))))];
  const times = new Map<Kind, number[]>(KINDS.map((kind) => [kind, []]));
  try {
    await whileWriting([...rows.map((row) => [row, 60] as [Writer, number]), [capsules, 4000]], async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const kind = KINDS[round % KINDS.length] as Kind;
        await sleep(500 + Math.random() * 3000);
        times.get(kind)?.push(await recovery(kind, prober));
      }
    });
  } finally {
    const requests = Object.entries(seen.counts).map(([what, count]) => `  ${what}: ${count}\n`);
    const lines = [...times].map(([kind, ms]) => line(kind, ms));
    process.stdout.write(`ms to the next write after kill -9 of\n${lines.join("")}answers\n${requests.join("")}`);
  }
  expect(seen.violations).toEqual([]);

  for (const writer of [...rows, prober, capsules]) {
    const { expected, found } = await writer.compare();
    expect(found).toEqual(expected);
  }
  // The machine of a create that was cut off goes when it is found to belong to nobody.
  const machines = async () => (await findVmms(platform.layout.run)).map(({ machine }) => machine).toSorted();
  const same = async () => (await machines()).join() === capsules.kept.join();
  await waitFor(same, { timeoutMs: 60_000, intervalMs: 500 });
  expect(await machines()).toEqual(capsules.kept);
  await jobsRun(session);
  const audited = new Set((await rowsOf("audit_logs")).map((row) => row["request_id"]));
  expect([...seen.acknowledged].filter((id) => !audited.has(id))).toEqual([]);

  await platform.json("down", "--all");
  expect(await leftovers(platform.layout)).toEqual([]);
});
