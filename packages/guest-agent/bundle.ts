/** Builds the agent as it is put onto the agent disk: one ESM file that loads the native addon `koffi.node` beside it. */
import { createRequire } from "node:module";
import { arch } from "node:os";
import { fileURLToPath } from "node:url";
import type { Plugin } from "rolldown";

const ENTRY = fileURLToPath(new URL("src/main.ts", import.meta.url));
const ADDON_NAME = "koffi.node";

/** koffi's own loader looks for the addon in node_modules; in a capsule there is none. */
const koffiBesideBundle: Plugin = {
  name: "koffi-beside-bundle",
  resolveId: (id) => (id === "koffi" ? "\0koffi" : null),
  load: (id) =>
    id === "\0koffi"
      ? `import { createRequire } from "node:module"; export default createRequire(import.meta.url)("./${ADDON_NAME}");`
      : null,
};

/** Writes the bundle to `outFile`. @throws the errors of the bundler */
export async function bundleGuestAgent(outFile: string): Promise<void> {
  // Loaded only here: a host agent needs the path of the addon at every start, and the bundler never.
  const { rolldown } = await import("rolldown");
  const build = await rolldown({ input: ENTRY, platform: "node", plugins: [koffiBesideBundle] });
  try {
    await build.write({ file: outFile, format: "esm", minify: true });
  } finally {
    await build.close();
  }
}

/** Where npm has put the addon for this machine's processor, to be copied beside the bundle as `koffi.node`. */
export function nativeAddonPath(): string {
  const platform = `linux-${arch()}`;
  return createRequire(import.meta.resolve("koffi")).resolve(
    `@koromix/koffi-${platform}/${platform.replace("-", "_")}/${ADDON_NAME}`,
  );
}
