import { spawn } from "node:child_process";
import { once } from "node:events";
import { identify } from "@wrenn/runtime/process-identity";
import { describe, expect, it } from "vitest";
import { abandonCreates, killedIfAbandoned, type UnderwayCreate, unlessAbandoned, whileWanted } from "./abandon.ts";

const never = () => new Promise<never>(() => {});
const destroyed = { code: "invalid_state", message: /destroyed while it was created/ };

describe("a create that a destroy overtakes", () => {
  it("waits for nothing that others need as well", async () => {
    const host = { creates: new Set<UnderwayCreate>() };
    const create = whileWanted(host, "a", (wanted) => unlessAbandoned(wanted, never));
    const failed = expect(create).rejects.toMatchObject({ code: destroyed.code });
    abandonCreates(host, "a");
    await failed;
    expect(host.creates.size).toBe(0);
  });

  it("begins nothing any more", async () => {
    const host = { creates: new Set<UnderwayCreate>() };
    let begun = false;
    const create = whileWanted(host, "a", async (wanted) => {
      abandonCreates(host, "a");
      await unlessAbandoned(wanted, async () => {
        begun = true;
      });
    });
    await expect(create).rejects.toThrow(destroyed.message);
    expect(begun).toBe(false);
  });

  it("has its VMM killed, whatever the start waits for", async () => {
    const host = { creates: new Set<UnderwayCreate>() };
    const vmm = spawn("sleep", ["600"]);
    const exited = once(vmm, "exit");
    const progress = { vmm: identify(vmm.pid ?? 0), done: () => Promise.resolve() };
    const create = whileWanted(host, "a", (wanted) =>
      killedIfAbandoned(wanted, progress, async () => {
        await exited;
        throw new Error("the VMM ended");
      }),
    );
    abandonCreates(host, "a");
    await expect(create).rejects.toThrow("the VMM ended");
    expect(vmm.signalCode).toBe("SIGKILL");
  });

  it("ends at its next step when its VMM is launched only then", async () => {
    const host = { creates: new Set<UnderwayCreate>() };
    const progress = { vmm: undefined, done: () => Promise.resolve() };
    const create = whileWanted(host, "a", (wanted) =>
      killedIfAbandoned(wanted, progress, async (guarded) => {
        abandonCreates(host, "a");
        await guarded.done("vmm_start");
      }),
    );
    await expect(create).rejects.toMatchObject({ code: destroyed.code });
  });

  it("is no other's", async () => {
    const host = { creates: new Set<UnderwayCreate>() };
    const create = whileWanted(host, "b", (wanted) => {
      abandonCreates(host, "a");
      return unlessAbandoned(wanted, () => Promise.resolve("made"));
    });
    expect(await create).toBe("made");
  });
});
