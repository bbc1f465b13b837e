import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import type { ApiClient } from "@wrenn/cli/api/client";
import { STALL } from "@wrenn/host-agent/machines/failpoints";
import { findVmms } from "@wrenn/host-agent/machines/sweep";
import { NOBODY, SlotClaims } from "@wrenn/host-agent/network/claims";
import { WrennError } from "@wrenn/protocol/errors";
import { SLOT_CLAIMS } from "@wrenn/runtime/layout";
import { waitFor } from "@wrenn/runtime/wait";
import { leftovers } from "@wrenn/testkit/leftovers";
import type { Platform } from "@wrenn/testkit/platform";
import { afterEach, expect, it, vi } from "vitest";
import { ownPlatform, sh, withCapsule } from "./shared.ts";

const WAIT = { timeoutMs: 60_000, intervalMs: 20 };

let platform: Platform;
afterEach(() => platform.close());

/** Everything that a capsule has on its host. */
async function traces() {
  const { dir, machines, run } = platform.layout;
  const claims = await new SlotClaims(SLOT_CLAIMS, dir, { first: 1, last: 1 }).own();
  return {
    slots: claims.map(({ holder }) => holder).filter((holder) => holder !== NOBODY),
    machines: await readdir(machines),
    sockets: await readdir(run),
    vmms: (await findVmms(run)).map(({ machine }) => machine),
  };
}

/** A create that has got as far as to be listed; `answer` becomes the code of its error, or "created". */
async function begin(api: ApiClient): Promise<{ id: string; answer: Promise<string> }> {
  const known = new Set((await api.list()).map(({ id }) => id));
  const answer = api.create({}).then(
    () => "created",
    (error: unknown) => WrennError.from(error).code,
  );
  const id = await waitFor(async () => (await api.list()).find((one) => !known.has(one.id))?.id, WAIT);
  if (id === undefined) throw new Error("the capsule is not listed");
  return { id, answer };
}

it("ends a create that its destroy overtakes, whatever it waits for, and leaves nothing", async () => {
  platform = await ownPlatform({ WRENN_FAILPOINTS: "1", WRENN_CREATE_CONCURRENCY: "1" });
  await platform.up();
  const api = await platform.api();
  const before = await traces();

  // Its VMM stands still: it cannot be created before somebody ends it.
  const failpoint = `${platform.layout.dir}/failpoint`;
  await writeFile(failpoint, `create.vmm_start ${STALL}\n`);
  const started = await begin(api);
  expect(await waitFor(() => !existsSync(failpoint), WAIT)).toBe(true);
  expect((await traces()).vmms).toEqual([started.id]);
  const queued = await begin(api);

  await api.destroy(queued.id);
  expect(await queued.answer).toBe("invalid_state");
  expect((await traces()).vmms, "the one before it is still underway").toEqual([started.id]);
  await api.destroy(started.id);
  expect(await started.answer).toBe("invalid_state");

  for (const { id } of [queued, started]) {
    expect(await api.get(id)).toMatchObject({ status: "stopped", end_reason: "request" });
  }
  await vi.waitFor(async () => expect(await traces()).toEqual(before), { timeout: 30_000, interval: 100 });
  await withCapsule(api, (next) => sh(api, next, "true"));
  await platform.json("down", "--all");
  expect(await leftovers(platform.layout)).toEqual([]);
});
