/** What `wrenn doctor` looks at: each part of the host that capsules need, and what to do about one that is not right. */
import { constants } from "node:fs";
import { open, readFile, statfs } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { tryCommand } from "@wrenn/runtime/command";
import type { HostConfig } from "../config.ts";
import { verifyArtifacts } from "../images/artifacts.ts";
import { hasKnownPackages, hostDistribution, requireSupportedPlatform } from "../images/distribution.ts";
import { detectAccelerator } from "./accelerator.ts";
import { findProgram, PROGRAMS } from "./packages.ts";
import { findQemu, formatVersion, isWanted, WANTED_QEMU } from "./qemu.ts";
import { tscKhz } from "./tsc.ts";
import { findUser, SYSTEM_USER } from "./user.ts";

export interface CheckResult {
  /** a warning works, but not as well as it could */
  readonly status: "ok" | "warning" | "failed";
  readonly detail: string;
  /** what to do, for anything but ok */
  readonly fix?: string;
}

export interface Check {
  readonly id: string;
  readonly title: string;
  /** Never throws: a check that cannot be made has failed. */
  readonly run: () => Promise<CheckResult>;
}

const ENOUGH_DISK_GIB = 5;
const ENOUGH_MEMORY_GIB = 2;
const GIB = 1024 ** 3;

/** All checks, in the order in which one depends on another. */
export function hostChecks(config: HostConfig): Check[] {
  return [
    check("root", "Root", checkRoot),
    check("platform", "Platform", checkPlatform),
    ...Object.keys(PROGRAMS).map((name) =>
      check(`program:${name}`, `Program ${name}`, () => checkProgram(name, config)),
    ),
    check("qemu", "QEMU version", () => checkQemu(config)),
    check("accelerator", "Hardware virtualisation", checkAccelerator),
    check("tsc", "Time-stamp counter", checkTsc),
    check("tun", "TAP devices", () => checkDevice("/dev/net/tun", "modprobe tun")),
    check("namespaces", "Network namespaces", checkNamespaces),
    check("nftables", "Packet filter and NAT", checkNftables),
    check("forwarding", "Packet forwarding", checkForwarding),
    check("cgroup", "Control groups", checkCgroup),
    check("disk", "Free disk", () => checkDisk(config)),
    check("memory", "Free memory", checkMemory),
    check("user", "System user", checkUser),
    check("artifacts", "Guest kernel, initramfs, agent disk, base image", () => checkArtifacts(config)),
  ];
}

function ok(detail: string): CheckResult {
  return { status: "ok", detail };
}

function warning(detail: string, fix: string): CheckResult {
  return { status: "warning", detail, fix };
}

function failed(detail: string, fix: string): CheckResult {
  return { status: "failed", detail, fix };
}

function check(id: string, title: string, body: () => Promise<CheckResult>): Check {
  const run = async (): Promise<CheckResult> => {
    try {
      return await body();
    } catch (error) {
      const known = WrennError.from(error, "internal_error", error instanceof Error ? error.message : String(error));
      return failed(known.message, known.spec.suggestion ?? "`wrenn setup` may repair it.");
    }
  };
  return { id, title, run };
}

async function checkRoot(): Promise<CheckResult> {
  if (process.getuid?.() === 0) return ok("this process is root");
  return failed("this process is not root", "Run wrenn as root: it makes network namespaces and TAP devices.");
}

async function checkPlatform(): Promise<CheckResult> {
  requireSupportedPlatform();
  const distribution = hostDistribution();
  if (hasKnownPackages(distribution)) return ok(`${distribution.name} on x86-64`);
  const programs = Object.keys(PROGRAMS).join(", ");
  return warning(
    `${distribution.name} is not known to setup`,
    `Install these programs yourself and set WRENN_KERNEL to a bzImage: ${programs}.`,
  );
}

async function checkProgram(name: string, config: HostConfig): Promise<CheckResult> {
  const path = name === "qemu-system-x86_64" ? (config.qemu ?? (await findProgram(name))) : await findProgram(name);
  if (path !== undefined) return ok(path);
  return failed("not installed", `Run \`wrenn setup\`; on Debian and Ubuntu it is in the package ${PROGRAMS[name]}.`);
}

async function checkQemu(config: HostConfig): Promise<CheckResult> {
  const qemu = await findQemu({ cache: config.layout.cache, override: config.qemu });
  const detail = `${formatVersion(qemu.version)} (${qemu.source}), ${qemu.binary}`;
  if (isWanted(qemu.version)) return ok(detail);
  return warning(
    `${detail} cannot map a template's memory read-only: a VMM that misbehaves could change what others map`,
    `Use QEMU ${formatVersion(WANTED_QEMU)} or newer: \`wrenn setup\` takes it from backports, or set WRENN_QEMU.`,
  );
}

async function checkAccelerator(): Promise<CheckResult> {
  const { accelerator, reason } = await detectAccelerator();
  if (accelerator === "kvm") return ok(reason);
  return warning(reason, "Capsules work, several times slower; on a cloud host choose a type with virtualisation.");
}

async function checkTsc(): Promise<CheckResult> {
  return ok(`${((await tscKhz()) / 1000).toFixed(3)} MHz`);
}

async function checkDevice(path: string, fix: string): Promise<CheckResult> {
  try {
    await (await open(path, constants.O_RDWR)).close();
    return ok(`${path} opens`);
  } catch (error) {
    return failed(`${path} does not open (${(error as NodeJS.ErrnoException).code})`, `Try \`${fix}\`.`);
  }
}

async function checkNamespaces(): Promise<CheckResult> {
  const { code, stderr } = await tryCommand("unshare", ["--net", "true"]);
  if (code === 0) return ok("can be made");
  return failed(stderr.trim(), "Wrenn needs CAP_SYS_ADMIN and a kernel with CONFIG_NET_NS.");
}

/** The kinds of rule that capsules get, loaded into a namespace that ends with the check. */
const SAMPLE_RULES = `table ip wrenn_check {
  chain nat { type nat hook postrouting priority srcnat; masquerade; }
  chain filter { type filter hook forward priority filter; ct state established accept; limit rate 1 mbytes/second accept; }
}`;

async function checkNftables(): Promise<CheckResult> {
  const { code, stderr } = await tryCommand("unshare", ["--net", "nft", "-f", "-"], { input: SAMPLE_RULES });
  if (code === 0) return ok("nftables accepts filter and NAT rules");
  return failed(stderr.trim(), "Try `modprobe nf_tables nft_chain_nat nft_masq nft_ct nft_limit`.");
}

async function checkForwarding(): Promise<CheckResult> {
  const forwarding = await readFile("/proc/sys/net/ipv4/ip_forward", "utf8");
  if (forwarding.trim() === "1") return ok("on");
  return warning("off: `wrenn up` switches it on", "To keep it on, set net.ipv4.ip_forward=1 in /etc/sysctl.d.");
}

async function checkCgroup(): Promise<CheckResult> {
  const mounts = await readFile("/proc/mounts", "utf8");
  const path = /^\S+ (\S+) cgroup2 /m.exec(mounts)?.[1];
  const controllers = path === undefined ? "" : await readFile(`${path}/cgroup.controllers`, "utf8").catch(() => "");
  if (/\bmemory\b/.test(controllers)) return ok(`version 2 at ${path} with ${controllers.trim()}`);
  if (path !== undefined) {
    const detail = `version 2 at ${path} without the memory controller: VMMs run without limits of their own`;
    return warning(detail, "Boot with cgroup version 2 alone (systemd.unified_cgroup_hierarchy=1).");
  }
  return warning("no cgroup version 2 here: VMMs run without limits of their own", "Mount one, or boot with systemd.");
}

async function checkDisk(config: HostConfig): Promise<CheckResult> {
  const folders = [config.layout.dir, config.layout.cache];
  const free = await Promise.all(folders.map(async (folder) => [folder, await freeBytes(folder)] as const));
  const detail = free.map(([folder, bytes]) => `${gib(bytes)} for ${folder}`).join(", ");
  if (free.every(([, bytes]) => bytes >= ENOUGH_DISK_GIB * GIB)) return ok(detail);
  return warning(detail, `Free at least ${ENOUGH_DISK_GIB} GiB, or point WRENN_DIR and WRENN_CACHE_DIR elsewhere.`);
}

/** Of the file system that a folder is on, or will be on. */
async function freeBytes(folder: string): Promise<number> {
  const found = await statfs(folder).catch(() => undefined);
  if (found !== undefined) return found.bavail * found.bsize;
  return freeBytes(folder.slice(0, Math.max(1, folder.lastIndexOf("/"))));
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}

async function checkMemory(): Promise<CheckResult> {
  const meminfo = await readFile("/proc/meminfo", "utf8");
  const available = Number(/^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1] ?? 0) * 1024;
  if (available >= ENOUGH_MEMORY_GIB * GIB) return ok(gib(available));
  return warning(gib(available), `Capsules of the default size want ${ENOUGH_MEMORY_GIB} GiB free to be comfortable.`);
}

async function checkUser(): Promise<CheckResult> {
  const user = await findUser();
  if (user !== undefined) return ok(`${SYSTEM_USER} has uid ${user.uid}`);
  return failed(`there is no user ${SYSTEM_USER}`, "Run `wrenn setup`.");
}

async function checkArtifacts(config: HostConfig): Promise<CheckResult> {
  const { cache } = config.layout;
  const options = { cache, kernelPath: config.kernel, kernelModulesPath: config.kernelModules };
  const { hash, kernel } = await verifyArtifacts(options);
  return ok(`every byte is as it was made: set ${hash}, Linux ${kernel.version}`);
}
