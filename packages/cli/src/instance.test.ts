import { afterEach, describe, expect, it, vi } from "vitest";
import { runCommand } from "./testing/command.ts";

describe("WRENN_API_URL", () => {
  afterEach(() => void vi.unstubAllEnvs());

  it.each(["foo", "ftp://h", "localhost:9725"])("is told of when it is %s", async (url) => {
    vi.stubEnv("WRENN_API_URL", url);
    const { code, stderr } = await runCommand(["list"]);
    expect(code).toBe(1);
    expect(stderr).toContain(`WRENN_API_URL is "${url}" but must be an http or https URL`);
    expect(stderr).toContain("(config_invalid)");
  });
});
