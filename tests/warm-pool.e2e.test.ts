import { findVmms } from "@wrenn/host-agent/machines/sweep";
import { waitFor } from "@wrenn/runtime/wait";
import { leftovers } from "@wrenn/testkit/leftovers";
import type { Platform } from "@wrenn/testkit/platform";
import { afterEach, expect, it } from "vitest";
import { ownPlatform, sh } from "./shared.ts";

let platform: Platform;
afterEach(() => platform.close());

it("gives a create a capsule that runs already, which is like any other from then on", async () => {
  platform = await ownPlatform({ WRENN_WARM_POOL: "minimal=1" });
  await platform.up();
  const api = await platform.api();
  const waiting = async () => (await findVmms(platform.layout.run)).filter((vmm) => vmm.machine.startsWith("warm-"));
  const created = await waitFor(
    async () => {
      const capsule = await api.create({});
      if (Object.keys(capsule.timings ?? {}).includes("adopt")) return capsule;
      await api.destroy(capsule.id);
      return undefined;
    },
    { timeoutMs: 60_000, intervalMs: 1000 },
  );
  if (created === undefined) return expect.unreachable("no create found a waiting machine");
  const { id } = created;
  expect(await sh(api, id, "cat /run/wrenn/.WRENN_SANDBOX_ID /run/wrenn/generation")).toBe(`${id}1`);
  await sh(api, id, "echo kept > /tmp/file");
  await api.pause(id);
  await api.resume(id);
  expect(await sh(api, id, "cat /tmp/file")).toBe("kept");

  // Those that wait belong to nobody: a restart removes them and makes others.
  await platform.json("down");
  expect(await waiting()).toEqual([]);
  await platform.up();
  expect(await waitFor(async () => (await waiting()).length === 1, { timeoutMs: 60_000 })).toBe(true);
  expect(await sh(await platform.api(), id, "cat /tmp/file")).toBe("kept");
  await platform.json("down", "--all");
  expect(await leftovers(platform.layout)).toEqual([]);
});
