import { expect, it } from "vitest";
import { INITIAL_SETTINGS } from "../settings.ts";
import { buildEnvironment } from "./environment.ts";

const USER = { name: "u", uid: 1000, gid: 1000, groups: [1000], home: "/home/u", shell: "/bin/bash" };

it("gives a process the shell of its user and a language that has all characters", () => {
  expect(buildEnvironment(USER, INITIAL_SETTINGS, {})).toMatchObject({ SHELL: "/bin/bash", LANG: "C.UTF-8" });
});

it("lets the capsule have others, and the request its own", () => {
  const settings = { ...INITIAL_SETTINGS, envVars: { SHELL: "/bin/dash", LANG: "de_DE.UTF-8" } };
  const variables = buildEnvironment(USER, settings, { LANG: "C" });
  expect(variables).toMatchObject({ SHELL: "/bin/dash", LANG: "C" });
});
