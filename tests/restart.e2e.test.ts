import { readdir, readlink, rm, symlink } from "node:fs/promises";
import { findVmms } from "@wrenn/host-agent/machines/sweep";
import { hasCode } from "@wrenn/protocol/errors";
import { tryCommand } from "@wrenn/runtime/command";
import { identify, isAlive, signalProcess } from "@wrenn/runtime/process-identity";
import { waitFor } from "@wrenn/runtime/wait";
import { leftovers } from "@wrenn/testkit/leftovers";
import { Platform, WRENN } from "@wrenn/testkit/platform";
import { afterEach, describe, expect, it } from "vitest";
import { ownPlatform, sh } from "./shared.ts";

let platform: Platform;
afterEach(() => platform.close());

/** Kills a server process and waits until the supervisor has put another in its place. */
async function killServer(name: string): Promise<void> {
  const pid = (await platform.status()).processes[name];
  const identity = identify(pid ?? 0);
  if (identity === undefined) throw new Error(`no ${name}`);
  signalProcess(identity, "SIGKILL");
  const replaced = await waitFor(
    async () => {
      const now = await platform.status();
      return !isAlive(identity) && now.state === "running" && now.processes[name] !== pid;
    },
    { timeoutMs: 60_000, intervalMs: 200 },
  );
  if (replaced === undefined) throw new Error(`${name} did not come back`);
}

describe("down --all", () => {
  it("leaves nothing on the box, and reaches no other server than its own", async () => {
    platform = await ownPlatform({ WRENN_API_URL: "http://127.0.0.1:1" });
    await platform.up();
    const api = await platform.api();
    const capsules = await Promise.all([api.create({}), api.create({})]);
    for (const { id } of capsules) await sh(api, id, "echo hello");
    const before = await leftovers(platform.layout);
    for (const kind of ["slot claim", "process", "nft", "cgroup", "runtime folder", "machine folder"]) {
      expect(before.join("\n"), "the check itself must see what is there").toContain(`${kind}: `);
    }
    const down = await platform.json<{ destroyed: number }>("down", "--all");
    expect(down.destroyed).toBe(2);
    expect(await leftovers(platform.layout)).toEqual([]);
    expect((await platform.status()).state).toBe("stopped");
  });

  it("cleans up after servers that were killed", async () => {
    platform = await ownPlatform();
    await platform.up();
    const api = await platform.api();
    await api.create({});
    const { processes } = await platform.status();
    for (const pid of Object.values(processes)) {
      const identity = identify(pid);
      if (identity !== undefined) signalProcess(identity, "SIGKILL");
    }
    expect((await platform.status()).state).toBe("stopped");
    expect(await findVmms(platform.layout.run)).toHaveLength(1);
    await platform.json("down", "--all");
    expect(await leftovers(platform.layout)).toEqual([]);
  });
});

describe("an instance", () => {
  it("is the same by another name of its folder, and is found without its state file", async () => {
    platform = await ownPlatform();
    await platform.up();
    const { supervisor } = (await platform.status()).processes;
    const link = `${platform.layout.dir}-link`;
    await symlink(platform.layout.dir, link);
    const second = await Platform.at(link).wrenn("up", "--detach");
    expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining("already_running") });
    await rm(link);
    await rm(platform.layout.supervisorFile);
    expect((await platform.wrenn("down")).code).toBe(0);
    expect(identify(supervisor ?? 0)).toBeUndefined();
  });

  it("gives its servers and machines nothing that its caller has open", async () => {
    platform = await ownPlatform();
    const mark = `${platform.layout.dir}/lock`;
    const script = 'exec 200>"$1"; "$0" up --detach --port 0';
    expect((await tryCommand("bash", ["-c", script, WRENN, mark], { env: platform.env })).code).toBe(0);
    await (await platform.api()).create({});
    const pids = [
      ...Object.values((await platform.status()).processes),
      ...(await findVmms(platform.layout.run)).map((vmm) => vmm.pid),
    ];
    expect(pids.length).toBeGreaterThanOrEqual(4);
    for (const pid of pids) {
      const names = await readdir(`/proc/${pid}/fd`);
      const open = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => "")));
      expect(open).not.toContain(mark);
    }
  });
});

describe("a running capsule", () => {
  it("survives down and up, and the death of every server", async () => {
    platform = await ownPlatform();
    await platform.up();
    const { id } = await (await platform.api()).create({});
    await sh(await platform.api(), id, "echo kept > /tmp/in-memory; echo kept > /root/on-disk");
    const vmm = (await findVmms(platform.layout.run))[0];

    await platform.json("down");
    expect(await findVmms(platform.layout.run)).toEqual([vmm]);
    await platform.up();
    const stillThere = async () => sh(await platform.api(), id, "cat /tmp/in-memory /root/on-disk");
    expect(await stillThere()).toBe("kept\nkept");

    const { api_url } = await platform.status();
    for (const server of ["host-agent", "control-plane"]) {
      await killServer(server);
      expect(await stillThere()).toBe("kept\nkept");
    }
    expect((await platform.status()).api_url, "clients keep the address they were told").toBe(api_url);
    expect(await findVmms(platform.layout.run)).toEqual([vmm]);
    await (await platform.api()).destroy(id);
    expect(await findVmms(platform.layout.run)).toEqual([]);
  });

  it("that died while no server ran is found to have ended", async () => {
    platform = await ownPlatform();
    await platform.up();
    const { id } = await (await platform.api()).create({});
    await platform.json("down");
    const vmm = identify((await findVmms(platform.layout.run))[0]?.pid ?? 0);
    if (vmm === undefined) return expect.unreachable();
    signalProcess(vmm, "SIGKILL");
    await platform.up();
    const ended = await waitFor(async () => (await (await platform.api()).get(id)).status === "error", {
      timeoutMs: 20_000,
    });
    expect(ended).toBe(true);
    expect(await (await platform.api()).get(id)).toMatchObject({ end_reason: "crash" });
  });
});

describe("a host agent that is killed in the middle of a create", () => {
  it.each(["before the VMM runs", "while the guest starts"])("leaves nothing behind (%s)", async (moment) => {
    platform = await ownPlatform();
    await platform.up();
    const api = await platform.api();
    const creating = api.create({}).then(
      (capsule) => capsule.status,
      (error: unknown) => error,
    );
    const reached = await waitFor(
      async () => {
        const machines = await readdir(platform.layout.machines);
        return moment === "before the VMM runs"
          ? machines.length > 0
          : (await findVmms(platform.layout.run)).length > 0;
      },
      { timeoutMs: 20_000, intervalMs: 1 },
    );
    expect(reached).toBe(true);
    await killServer("host-agent");
    await creating;
    const consistent = await waitFor(
      async () => {
        const listed = (await api.list()).filter((capsule) => capsule.status === "running").length;
        const machines = (await readdir(platform.layout.machines)).length;
        return listed === machines && (await findVmms(platform.layout.run)).length === machines;
      },
      { timeoutMs: 20_000 },
    );
    expect(consistent).toBe(true);
    // Whatever became of the first, the next one works, as soon as the control plane has found the new host agent.
    const next = await waitFor(
      () =>
        api.create({}).catch((error: unknown) => {
          if (hasCode(error, "no_hosts_available", "host_unavailable")) return undefined;
          throw error;
        }),
      { timeoutMs: 20_000, intervalMs: 100 },
    );
    expect(await sh(api, next?.id ?? "", "echo works")).toBe("works");
    await platform.json("down", "--all");
    expect(await leftovers(platform.layout)).toEqual([]);
  });
});

describe("two instances on one box", () => {
  it("do not touch each other", async () => {
    platform = await ownPlatform();
    const other = await ownPlatform();
    try {
      await platform.up();
      await other.up();
      const [mine, theirs] = [await (await platform.api()).create({}), await (await other.api()).create({})];
      await expect((await platform.api()).get(theirs.id)).rejects.toMatchObject({ code: "not_found" });
      await other.json("down", "--all");
      expect(await sh(await platform.api(), mine.id, "echo alive")).toBe("alive");
      expect(await leftovers(other.layout)).toEqual([]);
    } finally {
      await other.close();
    }
  });
});
