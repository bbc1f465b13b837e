/** A host whose disk is full: whoever asks is told what it is, and nobody loses anything. */
import { mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freeSpaceMb } from "@wrenn/host-agent/disk/overlay";
import { destroyMachine } from "@wrenn/host-agent/machines/destroy";
import { pauseMachine } from "@wrenn/host-agent/machines/pause";
import { resumeMachine } from "@wrenn/host-agent/machines/resume";
import { command } from "@wrenn/runtime/command";
import { Lab } from "@wrenn/testkit/lab";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { shared } from "./shared.ts";

const MB = 1024 * 1024;
/** Room for one template and some hundred MiB of a capsule's writes. */
const DISK_MB = 1400;
const BALLAST_MB = 600;

const image = join(tmpdir(), `wrenn-full-${process.pid}.img`);
const mounted = `${image}.mounted`;
let lab: Lab;

beforeAll(async () => {
  await writeFile(image, "");
  await truncate(image, DISK_MB * MB);
  await command("mkfs.ext4", ["-q", "-m", "0", image]);
  await mkdir(mounted);
  await command("mount", ["-o", "loop", image, mounted]);
  await command("fallocate", ["--length", `${BALLAST_MB}M`, `${mounted}/ballast`]);
  const dir = `${mounted}/state`;
  await mkdir(dir, { mode: 0o700 });
  await command("cp", ["--archive", "--sparse=always", `${shared.layout.dir}/templates`, dir]);
  lab = await Lab.start({ dir, env: { WRENN_MIN_FREE_DISK_MB: "384" } });
});
afterAll(async () => {
  await lab.close();
  await command("umount", [mounted]);
  await rm(mounted, { recursive: true });
  await rm(image);
});

it("says so to guest and client, keeps what was written before, and goes on when there is room again", async () => {
  const { host } = lab;
  const id = await lab.create(512);
  await lab.sh(id, "head -c 8M /dev/urandom > /root/kept; md5sum /root/kept > /root/sum; sync");
  // From now on what was written lies in a layer that is frozen: overwriting it takes room in another one.
  await pauseMachine(host, id, "request");
  await resumeMachine(host, id);
  const check = "echo 3 > /proc/sys/vm/drop_caches; md5sum --check --quiet /root/sum";

  // The guest hears of it in time: ENOSPC, as on any full disk, and nothing of its own is harmed.
  await expect(lab.sh(id, "yes full | dd of=/root/fill bs=1M count=2000 iflag=fullblock conv=fsync")).rejects.toThrow(
    /No space left on device/,
  );
  await lab.sh(id, `${check} && rm /root/fill && sync && grep -q ' / ext4 rw' /proc/mounts`);

  await expect(lab.create(512)).rejects.toMatchObject({ code: "disk_full" });
  const freeMb = await freeSpaceMb(mounted);
  await command("fallocate", ["--length", `${freeMb}M`, `${mounted}/last`]);
  await lab.sh(id, "head -c 64M /dev/urandom > /dev/shm/changed");
  await expect(pauseMachine(host, id, "request")).rejects.toMatchObject({ code: "disk_full" });
  expect(host.machines.get(id).record.state).toBe("running");
  await lab.sh(id, check);

  // Even a write that finds no room at all harms nothing: the machine waits. This one needs room in the capsule's own layer.
  const write = lab.sh(
    id,
    "head -c 3M /dev/urandom > /dev/shm/new; dd if=/dev/shm/new of=/root/kept conv=notrunc,fsync",
  );
  await vi.waitUntil(() => host.machines.running(id).live.vm.isOutOfSpace, { timeout: 60_000 });
  await expect(lab.sh(id, "true")).rejects.toMatchObject({ code: "disk_full" });
  await rm(`${mounted}/last`);
  await rm(`${mounted}/ballast`);
  await write;

  await pauseMachine(host, id, "request");
  await resumeMachine(host, id);
  await lab.sh(
    id,
    "echo 3 > /proc/sys/vm/drop_caches; cmp -n 3145728 /dev/shm/new /root/kept && head -c 20M /dev/urandom > /root/more && sync",
  );
  const other = await lab.create(512);
  await lab.sh(other, "true");
});

it("lets a capsule be destroyed when not even its record can be written", async () => {
  const id = await lab.create(512);
  await command("fallocate", ["--length", `${await freeSpaceMb(mounted)}M`, `${mounted}/last`]);
  await command("sh", ["-c", `dd if=/dev/zero of=${mounted}/rest bs=1k 2>/dev/null || true`]);
  await destroyMachine(lab.host, id);
  expect(lab.host.machines.find(id)).toBeUndefined();
});
