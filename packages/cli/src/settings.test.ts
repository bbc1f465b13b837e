import { describe, expect, it, vi } from "vitest";
import { checkSettings } from "./settings.ts";
import { runCommand } from "./testing/command.ts";

const WRONG = {
  LOG_LEVEL: "x",
  SMTP_TLS: "y",
  WRENN_SLOTS: "z",
  WRENN_SLOT_POOL: "many",
  WRENN_WARM_POOL: "minimal",
};
const TOLD = [
  'LOG_LEVEL is "x" but must be one of trace, debug, info, warn, error, fatal, silent',
  'SMTP_TLS is "y" but must be one of required, opportunistic, off',
  'WRENN_SLOTS is "z" but must be a range such as 1-32767',
  'WRENN_SLOT_POOL is "many" but must be a whole number from 0 to 1024',
  'WRENN_WARM_POOL is "minimal" but must be a list such as minimal=2,minimal:2x1024=1',
].join("; ");

describe("what is wrong for either server", () => {
  it("is told at once, each once", () => {
    expect(() => checkSettings(WRONG)).toThrow(expect.objectContaining({ message: TOLD }) as Error);
  });

  it.each(["config", "up", "start", "control-plane"])(
    "is told by `wrenn %s` before anything is done",
    async (command) => {
      for (const [name, value] of Object.entries(WRONG)) vi.stubEnv(name, value);
      // Where nothing can be made.
      vi.stubEnv("WRENN_DIR", "/proc/nosuch");
      const { code, stderr, stdout } = await runCommand([command]);
      vi.unstubAllEnvs();
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr.split("\n")[0]).toBe(`error: ${TOLD} (config_invalid)`);
    },
  );

  it("is no address that an option takes the place of", () => {
    expect(checkSettings({ WRENN_CP_LISTEN_ADDR: "x" }, 4321).listen).toMatchObject({ port: 4321 });
  });
});
