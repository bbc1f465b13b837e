import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { hostname, networkInterfaces } from "node:os";
import type { ApiClient } from "@wrenn/cli/api/client";
import { findVmms } from "@wrenn/host-agent/machines/sweep";
import { LIMITS } from "@wrenn/protocol/limits";
import { identify, signalProcess } from "@wrenn/runtime/process-identity";
import { waitFor } from "@wrenn/runtime/wait";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sh, shared, withCapsule } from "./shared.ts";

let api: ApiClient;
beforeAll(async () => {
  api = await shared.api();
});

describe("a capsule", () => {
  let id: string;
  beforeAll(async () => {
    const capsule = await api.create({});
    id = capsule.id;
    expect(capsule).toMatchObject({ status: "running", template: "minimal", vcpus: 1, memory_mb: 512 });
  });
  afterAll(() => api.destroy(id));

  it("is a machine of its own", async () => {
    const name = `capsule-${id.slice(-8)}`;
    expect(await sh(api, id, "hostname")).toBe(name);
    expect(await sh(api, id, "getent hosts $(hostname) | tr -s ' ' | cut -d ' ' -f 2")).toBe(name);
    expect(hostname()).not.toBe(name);
    expect(await sh(api, id, "nproc")).toBe("1");
    expect(Number(await sh(api, id, "awk '/MemTotal/{print $2}' /proc/meminfo"))).toBeGreaterThan(400_000);
    expect(await sh(api, id, "mount | grep ' / ' | cut -d ' ' -f 5")).toBe("ext4");
  });

  it("has what the base image promises", async () => {
    const tools = "sh bash ls git python3 curl sudo ps ip";
    expect(await sh(api, id, `for t in ${tools}; do command -v $t >/dev/null || echo $t; done`)).toBe("");
    expect(await sh(api, id, "python3 -c 'print(6 * 7)'")).toBe("42");
    expect(await sh(api, id, "test -s /etc/ssl/certs/ca-certificates.crt && echo yes")).toBe("yes");
    const [major, minor] = (await sh(api, id, "git --version")).replace("git version ", "").split(".").map(Number);
    expect((major ?? 0) * 100 + (minor ?? 0)).toBeGreaterThanOrEqual(228);
  });

  it("runs commands as root or as a user with passwordless sudo", async () => {
    expect(await sh(api, id, "id -un; pwd; echo $HOME")).toBe("root\n/root\n/root");
    const asUser = await api.exec(id, {
      cmd: "/bin/sh",
      args: ["-c", "id -un; id -u; pwd; sudo -n id -u"],
      user: "user",
    });
    expect(asUser.stdout).toBe("user\n1000\n/home/user\n0\n");
  });

  it("knows who it is", async () => {
    expect(await sh(api, id, "echo $WRENN_SANDBOX_ID; cat /run/wrenn/.WRENN_SANDBOX_ID")).toBe(`${id}\n${id}`);
    expect(await sh(api, id, "cat /run/wrenn/generation")).toBe("1");
  });

  it("has the host's clock", async () => {
    const before = Date.now();
    const inside = Number(await sh(api, id, "date +%s%3N"));
    expect(inside).toBeGreaterThan(before - 2000);
    expect(inside).toBeLessThan(Date.now() + 2000);
  });

  it("gives back exactly what a command wrote, its exit code and its time", async () => {
    const result = await api.exec(id, { cmd: "/bin/sh", args: ["-c", "printf 'out\\n'; printf err >&2; exit 7"] });
    expect(result).toMatchObject({ stdout: "out\n", stderr: "err", exit_code: 7, encoding: "utf-8" });
    const binary = await api.exec(id, { cmd: "printf", args: ["\\377\\000\\200"] });
    expect(binary.encoding).toBe("base64");
    expect(Buffer.from(binary.stdout, "base64")).toEqual(Buffer.from([0xff, 0, 0x80]));
    const big = await api.exec(id, { cmd: "head", args: ["-c", "1000000", "/dev/zero"] });
    expect(big.stdout).toBe("\0".repeat(1_000_000));
  });

  it("passes variables, folder and arguments unchanged", async () => {
    const args = ["-c", 'printf "%s|" "$A" "$PWD" "$@"', "sh", "a b", "", "ü\n$x"];
    const result = await api.exec(id, { cmd: "/bin/sh", args, envs: { A: "1=2 '\"" }, cwd: "/tmp" });
    expect(result.stdout).toBe("1=2 '\"|/tmp|a b||ü\n$x|");
  });

  it.each([
    ["a program that is missing", { cmd: "no-such-program" }, "no-such-program"],
    ["a folder that is missing", { cmd: "true", cwd: "/no/such/folder" }, "/no/such/folder"],
    ["a user that is missing", { cmd: "true", user: "nobody-here" }, "nobody-here"],
  ])("names %s", async (_what, request, named) => {
    await expect(api.exec(id, request)).rejects.toMatchObject({ message: expect.stringContaining(named) });
    expect(await sh(api, id, "echo alive")).toBe("alive");
  });

  it("kills a command that takes too long, with all it started", async () => {
    const slow = api.exec(id, { cmd: "/bin/sh", args: ["-c", "sleep 1000 & sleep 1000"], timeout_sec: 1 });
    await expect(slow).rejects.toMatchObject({ code: "exec_timeout" });
    const sleeping = await waitFor(async () => (await sh(api, id, "pgrep -c sleep || true")) === "0", {
      timeoutMs: 10_000,
    });
    expect(sleeping).toBe(true);
  });

  it("shows its console", async () => {
    await sh(api, id, "echo printed on the console > /dev/console");
    const printed = await waitFor(async () => (await api.console(id)).console.includes("printed on the console"), {
      timeoutMs: 5000,
    });
    expect(printed).toBe(true);
  });
});

describe("capsules", () => {
  it("each have their own disk, memory, random numbers and machine id", async () => {
    await withCapsule(api, (one) =>
      withCapsule(api, async (two) => {
        await sh(api, one, "echo secret > /root/file; echo secret > /tmp/file");
        expect(await sh(api, two, "ls /root/file /tmp/file 2>&1 | grep -c 'No such file'")).toBe("2");
        const own = (id: string) =>
          sh(api, id, "head -c 16 /dev/urandom | od -An -tx1; cat /etc/machine-id /proc/sys/kernel/random/uuid");
        const [a, b] = [(await own(one)).split("\n"), (await own(two)).split("\n")];
        expect(a).toHaveLength(b.length);
        for (const [i, line] of a.entries()) expect(line).not.toBe(b[i]);
      }),
    );
  });

  it("reach neither each other nor services of the host", async () => {
    const server = createServer((_request, answer) => answer.end("host service"));
    await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
    const port = (server.address() as { port: number }).port;
    try {
      await withCapsule(api, (one) =>
        withCapsule(api, async (two) => {
          await api.exec(two, { cmd: "/bin/sh", args: ["-c", "python3 -m http.server 8000 >/dev/null 2>&1 &"] });
          const other = (await api.get(two)).host_ip ?? "";
          const own = Object.values(networkInterfaces())
            .flatMap((list) => list ?? [])
            .filter((entry) => entry.family === "IPv4" && !entry.internal)
            .map((entry) => `${entry.address}:${port}`);
          const targets = [`${other}:8000`, `${other}:49983`, `169.254.0.22:${port}`, `127.0.0.1:${port}`, ...own];
          // All of them answer those who may ask: the host itself.
          for (const target of [`${other}:8000`, `${other}:49983`, ...own]) {
            const answered = await waitFor(() => fetch(`http://${target}/health`).catch(() => undefined), {
              timeoutMs: 10_000,
            });
            expect(answered?.status, target).toBeGreaterThanOrEqual(200);
          }
          const ask = (target: string) => `curl -s -o /dev/null -m 3 http://${target}/health && echo ${target}`;
          expect(await sh(api, one, `${targets.map((target) => `(${ask(target)}) &`).join(" ")} wait`)).toBe("");
        }),
      );
    } finally {
      server.close();
    }
  });

  it("start eight at once", async () => {
    const capsules = await Promise.all(Array.from({ length: 8 }, () => api.create({})));
    const answers = await Promise.all(capsules.map(({ id }) => sh(api, id, "echo $WRENN_SANDBOX_ID")));
    expect(answers).toEqual(capsules.map(({ id }) => id));
    await Promise.all(capsules.map(({ id }) => api.destroy(id)));
    expect(await api.list()).toEqual([]);
  });

  it("of a new shape, such as the smallest, boot cold once, say so, and start from a snapshot from then on", async () => {
    const first = await api.create({ vcpus: 2, memory_mb: LIMITS.memoryMb.min });
    expect(first.timings).toHaveProperty("template_cold_boot");
    expect(await sh(api, first.id, "nproc")).toBe("2");
    const second = await api.create({ vcpus: 2, memory_mb: LIMITS.memoryMb.min });
    expect(second.timings).not.toHaveProperty("template_cold_boot");
    expect(await sh(api, second.id, "nproc")).toBe("2");
    expect(await sh(api, second.id, "python3 -c 'print(6 * 7)'; git --version | cut -c 1-11")).toBe("42\ngit version");
    await Promise.all([api.destroy(first.id), api.destroy(second.id)]);
  });
});

describe("a capsule that ends", () => {
  it("by the death of its VMM becomes an error with a reason, and is not listed", async () => {
    const { id } = await api.create({});
    const found = (await findVmms(shared.layout.run)).find(({ machine }) => machine === id);
    const vmm = identify(found?.pid ?? 0);
    if (vmm === undefined) return expect.unreachable();
    signalProcess(vmm, "SIGKILL");
    const ended = await waitFor(async () => (await api.get(id)).status === "error", { timeoutMs: 15_000 });
    expect(ended).toBe(true);
    expect(await api.get(id)).toMatchObject({ status: "error", end_reason: "crash", end_message: expect.any(String) });
    expect((await api.list()).map((capsule) => capsule.id)).not.toContain(id);
    await expect(api.exec(id, { cmd: "true" })).rejects.toMatchObject({ code: "invalid_state" });
  });

  it("by powering itself off is stopped, not in error", async () => {
    const { id } = await api.create({});
    await api.exec(id, { cmd: "/bin/sh", args: ["-c", "echo o > /proc/sysrq-trigger; sleep 5"] }).catch(() => {});
    const ended = await waitFor(async () => (await api.get(id)).status === "stopped", { timeoutMs: 15_000 });
    expect(ended).toBe(true);
    expect(await api.get(id)).toMatchObject({ status: "stopped", end_reason: "request" });
    const machine = `${shared.layout.machines}/${id}`;
    expect(await waitFor(() => !existsSync(machine), { timeoutMs: 15_000 }), "its files are removed").toBe(true);
  });

  it("by request is stopped, and stays readable", async () => {
    const { id } = await api.create({});
    await api.destroy(id);
    await api.destroy(id);
    expect(await api.get(id)).toMatchObject({ status: "stopped", end_reason: "request" });
    expect(await api.list()).toEqual([]);
  });
});
