/** Why a host cannot be deleted, with the capsules that are in the way. */
import { WrennError } from "@wrenn/protocol/errors";

export class HostInUse extends WrennError {
  /** wire ids */
  readonly sandboxIds: string[];

  constructor(sandboxIds: string[], snapshots: number) {
    const held = [
      sandboxIds.length > 0 ? `${sandboxIds.length} capsules, paused ones among them counted` : "",
      snapshots > 0 ? `${snapshots} snapshots` : "",
    ].filter((text) => text !== "");
    super("has_active_sandboxes", `the host holds ${held.join(" and ")}: they would be lost with it`);
    this.sandboxIds = sandboxIds;
  }
}
