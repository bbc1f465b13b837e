import { describe, expect, it } from "vitest";
import { hasKnownPackages, parseOsRelease } from "./distribution.ts";

describe("os-release", () => {
  it("reads quoted and bare values", () => {
    const text =
      'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n';
    expect(parseOsRelease(text)).toEqual({
      id: "debian",
      version: "12",
      codename: "bookworm",
      name: "Debian GNU/Linux 12 (bookworm)",
    });
  });

  it("knows packages for Debian and Ubuntu releases, and for nothing else", () => {
    const known = (text: string) => hasKnownPackages(parseOsRelease(text));
    expect(known("ID=ubuntu\nVERSION_CODENAME=noble")).toBe(true);
    expect(known("ID=fedora\nVERSION_ID=43")).toBe(false);
    expect(known("ID=debian\n")).toBe(false);
    expect(known("")).toBe(false);
  });
});
