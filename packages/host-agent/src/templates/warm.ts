/** What a guest agent does once before it is saved, so that no capsule has to load, compile or translate it again. */
import { randomBytes } from "node:crypto";
import type { GuestInit } from "@wrenn/protocol/guest-http";
import type { GuestClient } from "../guest/client.ts";
import { exec } from "../guest/exec.ts";

const ROUNDS = 8;
const TIMEOUT_MS = 60_000;

export async function warm(guest: GuestClient): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const { offsetMs: clockOffsetMs } = await guest.clock(TIMEOUT_MS);
    await guest.init({ ...nobody(round), clockOffsetMs }, TIMEOUT_MS);
    await exec(guest, { cmd: "/bin/true", args: [], timeoutMs: TIMEOUT_MS });
    await exec(guest, { cmd: "/bin/sh", args: ["-c", "echo warm; echo warm >&2; exit 3"], timeoutMs: TIMEOUT_MS });
    await guest.process.list({});
  }
}

/** All that makes a capsule itself, as of one that has never run. Names differ by round: the right one would not be set again. */
function nobody(round: number): GuestInit {
  return {
    sandboxId: "nobody",
    machineId: "0".repeat(32),
    hostname: `capsule-${round}`,
    generation: 0,
    envVars: {},
    diskFull: false,
    // Whoever starts from here gets a token of its own before anybody can reach it.
    accessToken: randomBytes(32).toString("hex"),
  };
}
