import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasCode } from "@wrenn/protocol/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseOsRelease } from "./distribution.ts";
import {
  backportsSource,
  distributionSources,
  hostSources,
  parseDeb822,
  parseSourcesList,
  renderDeb822,
  withoutCredentials,
} from "./sources.ts";

const DEB822 = `Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb-src
URIs: http://mirror.example/debian
Suites: bookworm
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
`;

const ONE_LINE = `# deb http://old.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] https://me:secret@mirror.example/debian/ bookworm main contrib # ours
deb-src http://mirror.example/debian bookworm main
deb http://security.example/ bookworm-security main
`;

describe("apt sources", () => {
  it("reads enabled deb stanzas of deb822 files", () => {
    expect(parseDeb822(DEB822)).toEqual([
      {
        uris: ["http://mirror.example/debian"],
        suites: ["bookworm", "bookworm-updates"],
        components: ["main", "contrib"],
        signedBy: "/usr/share/keyrings/debian.gpg",
      },
    ]);
  });

  it("reads deb lines of sources.list", () => {
    expect(parseSourcesList(ONE_LINE)).toEqual([
      {
        uris: ["https://me:secret@mirror.example/debian/"],
        suites: ["bookworm"],
        components: ["main", "contrib"],
        signedBy: "/k.gpg",
      },
      { uris: ["http://security.example/"], suites: ["bookworm-security"], components: ["main"] },
    ]);
  });

  it("renders what it reads", () => {
    const sources = parseSourcesList(ONE_LINE);
    expect(parseDeb822(renderDeb822(sources))).toEqual(sources);
  });

  it("keeps a key that is written into the source itself", () => {
    const key = "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc";
    const [source] = parseDeb822(`Types: deb\nURIs: http://m.example\nSuites: bookworm\nComponents: main\n${key}\n`);
    expect(renderDeb822(source === undefined ? [] : [source])).toContain("PUBLIC KEY BLOCK-----\n .\n abc");
  });

  it("leaves out other vendors and other releases", () => {
    const text = `deb http://m.example/debian bookworm main
deb http://m.example/debian trixie main
deb http://vendor.example/apt stable main
deb http://vendor.example/linux bookworm stable
`;
    expect(distributionSources(parseSourcesList(text), "bookworm")).toHaveLength(1);
  });

  it("takes backports from where the release comes from, with the same key", () => {
    expect(backportsSource(parseDeb822(DEB822), "bookworm")).toEqual({
      uris: ["http://mirror.example/debian"],
      suites: ["bookworm-backports"],
      components: ["main"],
      signedBy: "/usr/share/keyrings/debian.gpg",
    });
    expect(backportsSource(parseDeb822(DEB822), "trixie")).toBeUndefined();
  });

  it("shows guests no credentials", () => {
    const [source] = withoutCredentials(parseSourcesList(ONE_LINE));
    expect(source?.uris).toEqual(["https://mirror.example/debian/"]);
  });
});

describe("the host's sources", () => {
  let etc: string;
  const bookworm = parseOsRelease("ID=debian\nVERSION_CODENAME=bookworm");
  beforeEach(() => {
    etc = mkdtempSync(join(tmpdir(), "wrenn-sources-"));
    mkdirSync(join(etc, "sources.list.d"));
  });
  afterEach(() => rmSync(etc, { recursive: true }));

  it("come from sources.list and from sources.list.d, but not from disabled files", () => {
    writeFileSync(join(etc, "sources.list"), ONE_LINE);
    writeFileSync(join(etc, "sources.list.d/debian.sources"), DEB822);
    writeFileSync(join(etc, "sources.list.d/more.list.disabled"), "deb http://off.example bookworm main\n");
    expect(hostSources(bookworm, etc)).toHaveLength(3);
  });

  it("must have the release itself", () => {
    writeFileSync(join(etc, "sources.list"), "deb http://m.example/debian trixie main\n");
    expect(() => hostSources(bookworm, etc)).toThrow(/no apt source for bookworm/);
    try {
      hostSources(bookworm, etc);
    } catch (error) {
      expect(hasCode(error, "setup_failed")).toBe(true);
    }
  });
});
