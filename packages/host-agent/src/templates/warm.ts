/** What a guest agent does once before it is saved, so that no capsule has to load or compile it again. */
import type { GuestClient } from "../guest/client.ts";
import { exec } from "../guest/exec.ts";

const ROUNDS = 3;
const TIMEOUT_MS = 60_000;

export async function warm(guest: GuestClient): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    await guest.init({ generation: 0 }, TIMEOUT_MS);
    await run(guest, "/bin/true", []);
    await run(guest, "/bin/sh", ["-c", "echo warm; echo warm >&2; exit 3"]);
    await guest.process.list({});
    await guest.clock(TIMEOUT_MS);
  }
}

async function run(guest: GuestClient, cmd: string, args: string[]): Promise<void> {
  const request = { cmd, args, envs: {}, cwd: undefined, user: undefined, timeoutSec: TIMEOUT_MS / 1000 };
  for await (const _event of exec(guest, request, new AbortController().signal));
}
