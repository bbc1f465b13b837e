import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readEnv } from "@wrenn/control-plane/config";
import { envToHostConfig } from "@wrenn/host-agent/config";
import { enrolArguments } from "@wrenn/host-agent/enrol-host";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
/** Of tests, and what the servers tell each other. */
const INTERNAL = new Set(["WRENN_FAILPOINTS", "WRENN_LOCAL_ADMIN", "WRENN_SUPERVISED_HOST"]);

/** Names in the first column of tables; `A_B_C`, `_D` stands for A_B_D too. */
function namesInTables(path: string): string[] {
  const rows = readFileSync(`${ROOT}/${path}`, "utf8").matchAll(/^\| (`[A-Z_][^|]*)\|/gm);
  return [...rows].flatMap(([, cell = ""]) => {
    const names = [...cell.matchAll(/`([A-Z_]+)`/g)].map(([, name = ""]) => name);
    return names.map((name) => (name.startsWith("_") ? `${(names[0] ?? "").replace(/_[A-Z]+$/, "")}${name}` : name));
  });
}

describe("the settings that are documented", () => {
  it("are all that the servers read", () => {
    const read = new Set<string>();
    const recording = new Proxy({}, { get: (_target, name) => void read.add(String(name)) });
    readEnv(recording);
    envToHostConfig(recording, 1);
    enrolArguments(recording);
    const documented = new Set(["README.md", ...globSync("docs/*.md", { cwd: ROOT })].flatMap(namesInTables));
    expect([...read].filter((name) => !INTERNAL.has(name) && !documented.has(name))).toEqual([]);
  });

  it("have one row each", () => {
    const names = namesInTables("README.md");
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });
});
