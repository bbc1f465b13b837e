import { readEnv } from "@wrenn/control-plane/config";
import { envToHostConfig } from "@wrenn/host-agent/config";
import { enrolArguments } from "@wrenn/host-agent/enrol-host";
import { expect, it } from "vitest";
import { hostAgentEnv } from "./environment.ts";

/** The names that `read` looks for. */
function namesRead(read: (env: NodeJS.ProcessEnv) => unknown): Set<string> {
  const names = new Set<string>();
  read(new Proxy({}, { get: (_target, name) => void names.add(String(name)) }));
  return names;
}

it("gives the host agent all that it reads, and nothing that only the control plane does", () => {
  const ofHost = namesRead((env) => [envToHostConfig(env, 1), enrolArguments(env)]);
  const ofControlPlane = namesRead(readEnv);
  expect(ofControlPlane).toContain("JWT_SECRET");
  const all = [...ofHost, ...ofControlPlane, "PATH", "https_proxy", "PGPASSWORD", "WRENN_API_KEY"];
  const given = Object.keys(hostAgentEnv(Object.fromEntries(all.map((name) => [name, "x"]))));
  expect(new Set(given)).toEqual(new Set([...ofHost, "PATH", "https_proxy"]));
});
