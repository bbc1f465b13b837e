import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { newId } from "@wrenn/protocol/ids";
import { tryCommand } from "@wrenn/runtime/command";
import { waitFor } from "@wrenn/runtime/wait";
import { leftovers } from "@wrenn/testkit/leftovers";
import { Platform, type Status } from "@wrenn/testkit/platform";
import { beforeAll, describe, expect, it } from "vitest";
import { eventually } from "./crash.ts";
import { ownPlatform, sh, shared, withCapsule } from "./shared.ts";

let status: Status;
beforeAll(async () => {
  status = await shared.status();
});

async function call(method: string, path: string, body?: string, headers: Record<string, string> = {}) {
  const answer = await fetch(new URL(path, status.api_url), {
    method,
    headers: { "x-api-key": status.api_key, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const text = await answer.text();
  return { status: answer.status, error: (JSON.parse(text) as { error?: { code: string; message: string } }).error };
}

const create = (body: unknown) => call("POST", "/v1/capsules", JSON.stringify(body));

describe("the API answers precisely to", () => {
  it.each([
    ["an unknown template", { template: "no-such" }, 404, "not_found", "no-such"],
    ["a template name with a path", { template: "../minimal" }, 400, "invalid_request", "template"],
    ["vcpus 0", { vcpus: 0 }, 400, "invalid_request", "vcpus"],
    ["vcpus -1", { vcpus: -1 }, 400, "invalid_request", "vcpus"],
    ["vcpus 10^6", { vcpus: 1_000_000 }, 400, "invalid_request", "vcpus"],
    ["half a vcpu", { vcpus: 0.5 }, 400, "invalid_request", "vcpus"],
    ["memory 0", { memory_mb: 0 }, 400, "invalid_request", "memory_mb"],
    ["memory 10^9", { memory_mb: 1_000_000_000 }, 400, "invalid_request", "memory_mb"],
    ["text for a number", { memory_mb: "512" }, 400, "invalid_request", "memory_mb"],
  ])("%s", async (_what, body, httpStatus, code, named) => {
    const { status: got, error } = await create(body);
    expect({ got, code: error?.code }).toEqual({ got: httpStatus, code });
    expect(error?.message).toContain(named);
  });

  it("more memory than the host has", async () => {
    const { status: got, error } = await create({ memory_mb: 200_000 });
    expect([got, error?.code]).toEqual([400, "invalid_request"]);
    expect(error?.message).toContain("no host is large enough");
  });

  it.each([
    ["an unknown id", newId("capsule"), 404, "not_found"],
    ["an id of another kind", newId("team"), 400, "invalid_request"],
    ["an id of 2^128", `cl-${(1n << 128n).toString(36).padStart(25, "0")}`, 400, "invalid_request"],
    ["a path for an id", "..%2f..%2fetc", 400, "invalid_request"],
  ])("%s", async (_what, id, httpStatus, code) => {
    for (const [method, path, body] of [
      ["GET", `/v1/capsules/${id}`],
      ["DELETE", `/v1/capsules/${id}`, "{}"],
      ["POST", `/v1/capsules/${id}/exec`, '{"cmd":"true"}'],
    ] as const) {
      expect(await call(method, path, body)).toMatchObject({ status: httpStatus, error: { code } });
    }
  });

  it("a wrong key, no key and a key that is none", async () => {
    for (const key of [`wrn_${"0".repeat(32)}`, "", "x", "'; drop table api_keys; --"]) {
      expect(await call("GET", "/v1/capsules", undefined, { "x-api-key": key })).toMatchObject({
        status: 401,
        error: { code: "unauthorized" },
      });
    }
  });

  it("bodies that are no JSON, or 1 MB of it", async () => {
    for (const body of ["", "{", "null", "[]", '"text"']) {
      expect(await call("POST", "/v1/capsules", body)).toMatchObject({
        status: 400,
        error: { code: "invalid_request" },
      });
    }
    const large = JSON.stringify({ template: "x".repeat(1_000_000) });
    expect(await call("POST", "/v1/capsules", large)).toMatchObject({ status: 413, error: { code: "too_large" } });
  });

  it("exec in a capsule that is gone", async () => {
    const api = await shared.api();
    const id = await withCapsule(api, async (created) => created);
    expect(await call("POST", `/v1/capsules/${id}/exec`, '{"cmd":"true"}')).toMatchObject({
      status: 409,
      error: { code: "invalid_state" },
    });
  });

  it("and after all that it still works, and nothing was made", async () => {
    const api = await shared.api();
    expect(await api.list()).toEqual([]);
    await withCapsule(api, async (id) => expect(await sh(api, id, "echo works")).toBe("works"));
  });
});

describe("a client that goes away during create", () => {
  it("leaves a capsule that runs and is listed", async () => {
    const api = await shared.api();
    const { hostname, port } = new URL(status.api_url);
    const socket = connect(Number(port), hostname);
    const head = `POST /v1/capsules HTTP/1.1\r\nHost: x\r\nX-API-Key: ${status.api_key}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
    socket.write(head);
    const seen = await waitFor(async () => (await api.list())[0], { timeoutMs: 10_000, intervalMs: 5 });
    socket.destroy();
    const id = seen?.id ?? "";
    const running = await waitFor(async () => (await api.get(id)).status === "running", { timeoutMs: 30_000 });
    expect(running).toBe(true);
    expect(await sh(api, id, "echo reachable")).toBe("reachable");
    await api.destroy(id);
  });
});

describe("start fails precisely", () => {
  /** What `up` says, and that it left nothing behind. */
  async function failingUp(env: Record<string, string>, ...args: string[]) {
    const platform = await ownPlatform(env);
    try {
      const result = await platform.wrenn("up", "--detach", "--port", "0", ...args);
      expect(result.code).toBe(1);
      expect((await platform.status()).state).toBe("stopped");
      await platform.json("down", "--all");
      expect(await leftovers(platform.layout)).toEqual([]);
      return result.stderr;
    } finally {
      await platform.close();
    }
  }

  it("when the port is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    try {
      const said = await failingUp({}, "--port", `${port}`);
      expect(said).toContain("port_in_use");
      expect(said).toContain(`${port}`);
    } finally {
      server.close();
    }
  });

  it("when QEMU is missing", async () => {
    const said = await failingUp({ WRENN_QEMU: "/no/such/qemu" });
    expect(said).toContain("program_missing");
    expect(said).toContain("/no/such/qemu");
  });

  it("when the kernel file is missing or no kernel", async () => {
    const dir = await mkdtemp(join(tmpdir(), "kernel-"));
    try {
      await writeFile(join(dir, "vmlinuz"), "not a kernel");
      for (const path of [join(dir, "none"), join(dir, "vmlinuz")]) {
        const said = await failingUp({ WRENN_KERNEL: path });
        expect(said).toContain("kernel_invalid");
        expect(said).toContain(path);
      }
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it("when the configuration is wrong", async () => {
    expect((await shared.wrenn("status")).code).toBe(0);
    const platform = await Platform.prepare({ env: { WRENN_SLOTS: "9-1" } });
    const result = await platform.wrenn("up", "--detach");
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('WRENN_SLOTS is "9-1"');
    await rm(platform.layout.dir, { recursive: true });
  });

  it("when it is not root", async () => {
    const main = fileURLToPath(new URL("../packages/cli/src/main.ts", import.meta.url));
    const args = ["--reuid=65534", "--regid=65534", "--clear-groups", process.execPath, main, "up"];
    const result = await tryCommand("setpriv", args, { env: { ...process.env, WRENN_DIR: "/tmp/wrenn-of-nobody" } });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("not_root");
  });

  it("when it runs already", async () => {
    const result = await shared.wrenn("up", "--detach");
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("already_running");
  });
});

describe("a host that is full", () => {
  it("says that no network slot is free, and goes on when one is", async () => {
    const platform = await ownPlatform({ WRENN_SLOTS: "31001-31001", WRENN_SLOT_POOL: "0" });
    try {
      await platform.up();
      const api = await platform.api();
      const { id } = await api.create({});
      await expect(api.create({})).rejects.toMatchObject({ code: "no_free_slot" });
      expect(await sh(api, id, "echo alive")).toBe("alive");
      await api.destroy(id);
      // A destroy that takes long is answered before its end.
      const next = await eventually(() => api.create({}), ["no_free_slot"]);
      await api.destroy(next.id);
    } finally {
      await platform.close();
    }
  });

  it("says before a template is made that the disk has no room for it", async () => {
    const platform = await Platform.prepare({ env: { WRENN_MIN_FREE_DISK_MB: "0" } });
    await tryCommand("mount", ["-t", "tmpfs", "-o", "size=200m", "tmpfs", platform.layout.dir]);
    try {
      const result = await platform.wrenn("up", "--detach", "--port", "0");
      expect(result.code).toBe(1);
      expect(result.stderr).toContain("disk_full");
      await platform.json("down", "--all");
      expect(await leftovers(platform.layout)).toEqual([]);
    } finally {
      await tryCommand("umount", [platform.layout.dir]);
      await rm(platform.layout.dir, { recursive: true });
    }
  });

  it("says that the disk is full, and leaves nothing half made", async () => {
    const platform = await ownPlatform({ WRENN_MIN_FREE_DISK_MB: "1000000000" });
    try {
      await platform.up();
      const api = await platform.api();
      await expect(api.create({})).rejects.toMatchObject({ code: "disk_full" });
      expect(await api.list()).toEqual([]);
      await platform.json("down", "--all");
      expect(await leftovers(platform.layout)).toEqual([]);
    } finally {
      await platform.close();
    }
  });
});
