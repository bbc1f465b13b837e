import { afterEach, describe, expect, it, vi } from "vitest";
import { runCommand } from "./testing/command.ts";

afterEach(() => void vi.unstubAllEnvs());

it("tells of an API key that is missing", async () => {
  vi.stubEnv("WRENN_API_URL", "http://127.0.0.1:1");
  vi.stubEnv("WRENN_DIR", "/nowhere");
  expect((await runCommand(["list"])).stderr).toContain("set WRENN_API_KEY");
});

describe("WRENN_API_URL", () => {
  it.each(["foo", "ftp://h", "localhost:9725"])("is told of when it is %s", async (url) => {
    vi.stubEnv("WRENN_API_URL", url);
    const { code, stderr } = await runCommand(["list"]);
    expect(code).toBe(1);
    expect(stderr).toContain(`WRENN_API_URL is "${url}" but must be an http or https URL`);
    expect(stderr).toContain("(config_invalid)");
  });
});
