import { describe, expect, it } from "vitest";
import { parseOsRelease } from "../images/distribution.ts";
import { findProgram, installPackages, packagesFor } from "./packages.ts";

describe("programs and packages", () => {
  it("installs each package once", () => {
    expect(packagesFor(["tc", "ip", "strip"])).toEqual(["binutils", "iproute2"]);
    expect(packagesFor([])).toEqual([]);
  });

  it("finds programs, also those that only root has on the PATH", async () => {
    expect(await findProgram("sh")).toMatch(/\/sh$/);
    expect(await findProgram("wrenn-has-no-such-program")).toBeUndefined();
  });

  it("says on an unknown distribution exactly which programs are needed", async () => {
    const distribution = parseOsRelease('ID=fedora\nPRETTY_NAME="Fedora 43"');
    const install = installPackages(["mkfs.erofs", "nft"], { distribution, onOutput: () => {} });
    await expect(install).rejects.toMatchObject({
      code: "program_missing",
      message: expect.stringMatching(
        /not installed: mkfs\.erofs, nft\..*Fedora 43.*erofs-utils, nftables.*All programs/,
      ),
    });
  });
});
