/**
 * The host's own apt sources, read to be used again: for a private download, for backports, and for the base image.
 * No mirror is named in this project; where the host gets its packages from, its capsules do too.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import type { Distribution } from "./distribution.ts";

export interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** path of the keyring, or the key itself as deb822 text */
  readonly signedBy?: string;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

/** The `deb` lines of a sources.list; `deb-src` and disabled ones are left out. */
export function parseSourcesList(text: string): AptSource[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (match === null) return [];
    const [, options = "", uri = "", suite = "", components = ""] = match;
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(options)?.[1];
    return [
      {
        uris: [uri],
        suites: [suite],
        components: words(components),
        ...(signedBy === undefined ? {} : { signedBy }),
      },
    ];
  });
}

function parseStanza(stanza: string): AptSource | undefined {
  const fields = new Map<string, string>();
  let last = "";
  for (const line of stanza.split("\n")) {
    if (line.startsWith("#")) continue;
    const [, key, value] = /^([A-Za-z-]+):\s*(.*)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) {
      last = key.toLowerCase();
      fields.set(last, value);
    } else if (/^\s/.test(line) && last !== "") {
      fields.set(last, `${fields.get(last)}\n${line}`);
    }
  }
  if (!words(fields.get("types") ?? "").includes("deb") || fields.get("enabled") === "no") return undefined;
  const signedBy = fields.get("signed-by");
  return {
    uris: words(fields.get("uris") ?? ""),
    suites: words(fields.get("suites") ?? ""),
    components: words(fields.get("components") ?? ""),
    ...(signedBy === undefined ? {} : { signedBy }),
  };
}

/** The enabled `deb` stanzas of a deb822 .sources file. */
export function parseDeb822(text: string): AptSource[] {
  return text
    .split(/\n\s*\n/)
    .map(parseStanza)
    .filter((source) => source !== undefined);
}

export function renderDeb822(sources: readonly AptSource[]): string {
  return sources
    .map((source) =>
      [
        "Types: deb",
        `URIs: ${source.uris.join(" ")}`,
        `Suites: ${source.suites.join(" ")}`,
        `Components: ${source.components.join(" ")}`,
        ...(source.signedBy === undefined ? [] : [`Signed-By: ${source.signedBy}`]),
      ].join("\n"),
    )
    .map((stanza) => `${stanza}\n`)
    .join("\n");
}

/**
 * Only what the distribution itself publishes for this release: other vendors' repositories belong neither into a base image nor
 * can they be allowed to break a download.
 */
export function distributionSources(sources: readonly AptSource[], codename: string): AptSource[] {
  const own = new Set([codename, `${codename}-updates`, `${codename}-security`]);
  return sources.flatMap((source) => {
    const suites = source.suites.filter((suite) => own.has(suite));
    return suites.length > 0 && source.components.includes("main") ? [{ ...source, suites }] : [];
  });
}

/** The release's backports, from where the release itself comes; undefined when the host has no such source. */
export function backportsSource(sources: readonly AptSource[], codename: string): AptSource | undefined {
  const release = sources.find((source) => source.suites.includes(codename) && source.components.includes("main"));
  return release && { ...release, suites: [`${codename}-backports`], components: ["main"] };
}

/** The same sources without user names and passwords, fit to be shown to a guest. */
export function withoutCredentials(sources: readonly AptSource[]): AptSource[] {
  return sources.map((source) => ({
    ...source,
    uris: source.uris.map((uri) => uri.replace(/^([a-z+]+:\/\/)[^/@]*@/, "$1")),
  }));
}

function readSources(path: string): AptSource[] {
  const text = readFileSync(path, "utf8");
  return path.endsWith(".sources") ? parseDeb822(text) : parseSourcesList(text);
}

/** What the host's apt is configured with, of this release. @throws setup_failed when there is nothing */
export function hostSources(distribution: Distribution, etc = "/etc/apt"): AptSource[] {
  const parts = join(etc, "sources.list.d");
  const paths = [
    ...list(etc).filter((name) => name === "sources.list"),
    ...list(parts)
      .filter((name) => /\.(list|sources)$/.test(name))
      .map((name) => join("sources.list.d", name)),
  ];
  const sources = distributionSources(
    paths.flatMap((path) => readSources(join(etc, path))),
    distribution.codename,
  );
  if (!sources.some((source) => source.suites.includes(distribution.codename))) {
    throw new WrennError(
      "setup_failed",
      `no apt source for ${distribution.codename} main found in ${etc}/sources.list and ${parts}`,
    );
  }
  return sources;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).toSorted();
  } catch {
    return [];
  }
}
