import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { loadOrder, moduleName, placeModule } from "./modules.ts";

const BUILTIN = ["virtio_mmio", "virtio_blk", "virtio_net", "virtio_rng", "ext4", "erofs"];

function builtin(...names: string[]): string {
  return names.map((name) => `kernel/drivers/${name}.ko`).join("\n");
}

describe("the load order of kernel modules", () => {
  it("puts what a module depends on before it, and each module once", () => {
    const dep = `kernel/drivers/net/virtio_net.ko.xz: kernel/net/net_failover.ko.xz kernel/net/failover.ko.xz kernel/v/virtio.ko.xz kernel/v/virtio_ring.ko.xz
kernel/net/net_failover.ko.xz: kernel/net/failover.ko.xz
kernel/net/failover.ko.xz:
kernel/v/virtio_mmio.ko.xz: kernel/v/virtio.ko.xz kernel/v/virtio_ring.ko.xz
kernel/v/virtio.ko.xz: kernel/v/virtio_ring.ko.xz
kernel/v/virtio_ring.ko.xz:
kernel/sound/soundcore.ko.xz:
`;
    const order = loadOrder(dep, builtin("virtio_blk", "virtio_rng", "ext4", "erofs")).map(moduleName);
    expect(order).toEqual(["virtio_ring", "virtio", "virtio_mmio", "failover", "net_failover", "virtio_net"]);
  });

  it("has what ends connections after a restore, where the kernel has it", () => {
    const dep = `kernel/net/ipv4/tcp_diag.ko: kernel/net/ipv4/inet_diag.ko
kernel/net/ipv4/inet_diag.ko:
`;
    expect(loadOrder(dep, builtin(...BUILTIN)).map(moduleName)).toEqual(["inet_diag", "tcp_diag"]);
  });

  it("is empty for a kernel that has everything built in", () => {
    expect(loadOrder("", builtin(...BUILTIN))).toEqual([]);
  });

  it("treats - and _ in names alike", () => {
    const names = BUILTIN.filter((name) => name !== "virtio_rng");
    expect(loadOrder("kernel/char/virtio-rng.ko:\n", builtin(...names))).toEqual(["kernel/char/virtio-rng.ko"]);
  });

  it("names what a kernel lacks", () => {
    expect(() => loadOrder("", builtin("virtio_mmio", "virtio_blk", "virtio_net", "virtio_rng", "ext4"))).toThrow(
      "the guest kernel has no erofs",
    );
  });
});

describe("placing a module", () => {
  it.each([
    ["", (bytes: Buffer) => bytes],
    [".gz", (bytes: Buffer) => gzipSync(bytes)],
    [".zst", (bytes: Buffer) => zstdCompressSync(bytes)],
  ])("leaves plain bytes of a .ko%s", async (suffix, compress) => {
    const folder = mkdtempSync(join(tmpdir(), "wrenn-module-"));
    try {
      const bytes = Buffer.from("\x7fELF module");
      writeFileSync(join(folder, `erofs.ko${suffix}`), compress(bytes));
      await placeModule(join(folder, `erofs.ko${suffix}`), join(folder, "00-erofs.ko"));
      expect(readFileSync(join(folder, "00-erofs.ko"))).toEqual(bytes);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
