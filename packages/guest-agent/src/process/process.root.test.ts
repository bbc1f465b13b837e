import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { startAgent, TESTER } from "../testing/agent-fixture.ts";
import { collect, run, shell } from "../testing/run.ts";

it("runs a process wholly as another user, and is root again", async () => {
  await using fixture = await startAgent();
  chmodSync(fixture.root, 0o755);
  const script = "id -u; id -g; id -G; grep -E 'Uid|Gid|CapEff' /proc/self/status; echo fine >/dev/stdout; pwd";
  const { stdout } = await run(fixture.client(), {
    process: { cmd: "sh", args: ["-c", script], user: TESTER.name },
    stdin: false,
  });
  const { uid, gid, extraGid } = TESTER;
  expect(stdout.toString().replaceAll("\t", " ").split("\n")).toEqual([
    `${uid}`,
    `${gid}`,
    `${gid} ${extraGid}`,
    `Uid: ${uid} ${uid} ${uid} ${uid}`,
    `Gid: ${gid} ${gid} ${gid} ${gid}`,
    "CapEff: 0000000000000000",
    "fine",
    `${fixture.root}/home`,
    "",
  ]);
  expect([process.geteuid?.(), process.getegid?.()]).toEqual([0, 0]);
  expect((await run(fixture.client(), shell("id -u"))).stdout.toString()).toBe("0\n");
});

it("takes the user of a Basic authorization, unless the request names one", async () => {
  await using fixture = await startAgent();
  chmodSync(fixture.root, 0o755);
  const headers = { authorization: `Basic ${Buffer.from(`${TESTER.name}:`).toString("base64")}` };
  const whoIs = async (process: { user?: string }) => {
    const request = { process: { cmd: "id", args: ["-u"], ...process } };
    return (await collect(fixture.client().start(request, { headers }))).stdout.toString();
  };
  expect(await whoIs({})).toBe(`${TESTER.uid}\n`);
  expect(await whoIs({ user: "root" })).toBe("0\n");
});

it("looks for the working directory as the user does", async () => {
  await using fixture = await startAgent();
  chmodSync(fixture.root, 0o755);
  const closed = join(fixture.root, "closed");
  mkdirSync(join(closed, "there"), { recursive: true });
  const pwd = async (cwd?: string) => {
    const request = { process: { cmd: "pwd", user: TESTER.name, ...(cwd === undefined ? {} : { cwd }) } };
    return (await run(fixture.client(), request)).stdout.toString();
  };
  chmodSync(closed, 0o700);
  const refusals = ["closed", "closed/there", "closed/missing"].map(async (name) => {
    const error = ConnectError.from(await pwd(join(fixture.root, name)).catch((cause: unknown) => cause));
    return [error.code, error.rawMessage.replace(`"${join(fixture.root, name)}"`, "it")];
  });
  const [first, ...others] = await Promise.all(refusals);
  expect(first?.[0]).toBe(Code.InvalidArgument);
  expect(others).toEqual([first, first]);
  fixture.agent.settings = { ...fixture.agent.settings, defaultWorkdir: closed };
  expect(await pwd()).toBe("/\n");
});

it("gives a user a terminal of their own", async () => {
  await using fixture = await startAgent();
  chmodSync(fixture.root, 0o755);
  const script = "stat -c '%u %A' $(tty); echo fine >/dev/tty; echo fine >$(tty); id -u";
  const { pty } = await run(fixture.client(), {
    process: { cmd: "sh", args: ["-c", script], user: TESTER.name },
    pty: {},
  });
  const [mode, ...rest] = pty.toString().split("\r\n");
  // Where devpts is mounted with a group for terminals, that may write; nobody else may do anything.
  expect(mode).toMatch(new RegExp(`^${TESTER.uid} crw--[w-]----$`));
  expect(rest).toEqual(["fine", "fine", `${TESTER.uid}`, ""]);
});
