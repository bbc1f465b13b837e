import { NEEDED_AGENT_REVISION } from "@wrenn/protocol/guest-http";
import { expect, it, vi } from "vitest";
import type { HostContext } from "../host.ts";
import { noteAgentRevision, notedRevision } from "./agent-revision.ts";

const warn = vi.fn();
const host = { logger: { warn } } as unknown as HostContext;
const note = (metadata: Record<string, string>, revision: number) =>
  noteAgentRevision(host, { id: "cl-1", metadata }, revision);

it("warns of an agent that is older than needed, and no longer once it is not", () => {
  const outdated = note({ vmm: "qemu" }, NEEDED_AGENT_REVISION - 1);
  expect(outdated).toMatchObject({ vmm: "qemu", guest_agent_outdated: "true" });
  expect(warn).toHaveBeenCalledTimes(1);
  const current = note(outdated, NEEDED_AGENT_REVISION);
  expect(current).toEqual({ vmm: "qemu", guest_agent_revision: String(NEEDED_AGENT_REVISION) });
  expect(warn).toHaveBeenCalledTimes(1);
});

it("remembers the revision, and takes an agent that never told it for the first", () => {
  expect(notedRevision({ metadata: note({}, 7) })).toBe(7);
  expect(notedRevision({ metadata: {} })).toBe(1);
});
