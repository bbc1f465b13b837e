/** A capsule keeps the guest agent that it was saved with. One that is older than this host needs works, with less. */
import { NEEDED_AGENT_REVISION } from "@wrenn/protocol/guest-http";
import type { HostContext } from "../host.ts";
import type { MachineRecord } from "./record.ts";

/** What a machine's agent said of itself when it was started; one of the time before it was asked is of the first revision. */
export function notedRevision({ metadata }: Pick<MachineRecord, "metadata">): number {
  return Number(metadata["guest_agent_revision"] ?? 1);
}

/** Returns the record's metadata with what is known of the agent; an agent that is too old is named in the log as well. */
export function noteAgentRevision(
  { logger }: Pick<HostContext, "logger">,
  { id, metadata }: Pick<MachineRecord, "id" | "metadata">,
  revision: number,
): MachineRecord["metadata"] {
  const { guest_agent_outdated: _before, ...others } = metadata;
  const noted = { ...others, guest_agent_revision: String(revision) };
  if (revision >= NEEDED_AGENT_REVISION) return noted;
  logger.warn(
    { id, revision, needed: NEEDED_AGENT_REVISION },
    "the guest agent of a capsule is older than this host needs",
  );
  return { ...noted, guest_agent_outdated: "true" };
}
