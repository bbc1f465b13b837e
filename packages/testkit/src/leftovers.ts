/** What an instance has left on the box: the list that must be empty after `down --all`. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { command } from "@wrenn/runtime/command";
import { type Layout, SLOT_CLAIMS } from "@wrenn/runtime/layout";

/** Each trace as `kind: name`. */
export async function leftovers(layout: Layout): Promise<string[]> {
  const slots = await ownSlots(layout);
  const found = await Promise.all([
    processes(layout),
    networks(slots),
    nftTables(layout),
    entries("machine folder", layout.machines),
    entries("half-made template", layout.templates, (name) => name.startsWith(".")),
  ]);
  return [
    ...slots.map((slot) => `slot claim: ${slot}`),
    ...cgroups(layout),
    ...folder("runtime folder", layout.run),
    ...found.flat(),
  ];
}

async function ownSlots(layout: Layout): Promise<string[]> {
  const names = await readdir(SLOT_CLAIMS).catch(() => []);
  const owners = await Promise.all(names.map((name) => readFile(`${SLOT_CLAIMS}/${name}`, "utf8").catch(() => "")));
  return names.filter((_name, i) => owners[i]?.includes(JSON.stringify(layout.dir)));
}

/** Processes that name the instance's folders in their command line or run in its state folder. */
async function processes(layout: Layout): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const cmdline = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ");
      const environ = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
      const ours =
        cmdline.includes(layout.run) ||
        cmdline.includes(layout.postgres) ||
        (environ.includes(`WRENN_DIR=${layout.dir}\0`) && /main\.ts|postgres/.test(cmdline));
      return ours ? [`process: ${pid} ${cmdline.slice(0, 80)}`] : [];
    }),
  );
  return found.flat();
}

/** Namespaces and veth pairs of slots that nobody claims, and of the given ones. */
async function networks(ownClaims: readonly string[]): Promise<string[]> {
  const claimed = new Set(await readdir(SLOT_CLAIMS).catch(() => []));
  const isOurs = (slot: string | undefined) => slot !== undefined && (!claimed.has(slot) || ownClaims.includes(slot));
  const namespaces = (await readdir("/run/netns").catch(() => [])).filter((name) =>
    isOurs(/^wrenn-ns-(\d+)$/.exec(name)?.[1]),
  );
  const links = (await readdir("/sys/class/net")).filter((name) => isOurs(/^wrenn-ve-(\d+)$/.exec(name)?.[1]));
  return [...namespaces.map((name) => `namespace: ${name}`), ...links.map((name) => `veth: ${name}`)];
}

async function nftTables(layout: Layout): Promise<string[]> {
  const tables = await command("nft", ["list", "tables"]);
  return tables
    .split("\n")
    .filter((line) => line.includes(layout.instance))
    .map((line) => `nft: ${line}`);
}

function cgroups(layout: Layout): string[] {
  const paths = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map((mount) => `${mount}/wrenn-${layout.instance}`);
  return paths.filter((path) => existsSync(path)).map((path) => `cgroup: ${path}`);
}

function folder(kind: string, path: string): string[] {
  return existsSync(path) ? [`${kind}: ${path}`] : [];
}

async function entries(kind: string, path: string, wanted = (_name: string) => true): Promise<string[]> {
  const names = await readdir(path).catch(() => []);
  return names.filter(wanted).map((name) => `${kind}: ${path}/${name}`);
}
