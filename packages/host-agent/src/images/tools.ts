/** The static program that works in any root file system: busybox starts the guest and is its process 1. */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { PrivateApt, packageInputs, unpackPackages } from "./apt.ts";
import type { Distribution } from "./distribution.ts";
import type { Recipe } from "./store.ts";

export interface ToolsOptions {
  readonly cache: string;
  readonly distribution: Distribution;
  readonly signal?: AbortSignal | undefined;
}

/** The artefact's file is `busybox`. */
export function toolsRecipe({ cache, distribution, signal }: ToolsOptions): Recipe {
  const packages = ["busybox-static"];
  return {
    kind: "tools",
    title: "busybox for the guest",
    inputs: { packages: packages.join(" "), release: distribution.codename },
    resolve: async (scratch) => {
      const apt = PrivateApt.forHost(cache, "release", distribution, { signal });
      const debs = await apt.download(packages, join(scratch, "debs"));
      await unpackPackages(debs, join(scratch, "root"));
      return packageInputs(debs);
    },
    build: async (target, scratch) => {
      await copyFile(join(scratch, "root/usr/bin/busybox"), join(target, "busybox"));
    },
  };
}
